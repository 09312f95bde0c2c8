#include "updater/release/checksum.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "common/base/file.h"

namespace ops::updater {

namespace {

using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string to_hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const unsigned char byte : bytes) hex += {kDigits[byte >> 4], kDigits[byte & 15]};
  return hex;
}

/// The digest's bytes.
Result<std::string> digest_of_file(const std::string& path, const EVP_MD* algorithm, const std::stop_token& cancel) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return system_error("open", path);
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  if (!context || EVP_DigestInit_ex(context.get(), algorithm, nullptr) != 1) {
    return Error{cat("cannot compute the checksum of ", path, ": OpenSSL failed")};
  }
  char buffer[64 << 10];
  for (;;) {
    if (cancel.stop_requested()) return Error{cat("checking ", path, " was cancelled")};
    const ssize_t n = ::read(file.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error("read", path);
    if (n == 0) break;
    EVP_DigestUpdate(context.get(), buffer, static_cast<size_t>(n));
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(context.get(), digest, &size);
  return std::string(digest, digest + size);
}

/// md5sum may have been run in another folder: "dir/falcon-agent-1.0.0.tar.gz" names falcon-agent-1.0.0.tar.gz.
std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

/// A line of a checksum file. `name` is "" when the line is the digest alone.
struct ChecksumLine {
  std::string_view digest;
  std::string_view name;
};

/// "DIGEST  NAME" and "DIGEST *NAME" of md5sum; "MD5 (NAME) = DIGEST" of md5sum --tag and BSD; "MD5(NAME)= DIGEST" of openssl.
ChecksumLine split_line(std::string_view line) {
  const size_t open = line.find('(');
  const size_t close = line.rfind(')');
  if (line.starts_with("MD5") && open != std::string_view::npos && close != std::string_view::npos && open < close) {
    const std::string_view rest = trim(line.substr(close + 1));
    return {rest.starts_with('=') ? trim(rest.substr(1)) : "", line.substr(open + 1, close - open - 1)};
  }
  const std::string_view digest = line.substr(0, line.find_first_of(" \t"));
  std::string_view name = trim(line.substr(digest.size()));
  if (name.starts_with('*')) name.remove_prefix(1);
  return {digest, name};
}

}  // namespace

Result<std::string> md5_of_file(const std::string& path, const std::stop_token& cancel) {
  const auto digest = digest_of_file(path, EVP_md5(), cancel);
  if (!digest) return digest.error();
  return to_hex(*digest);
}

Result<std::string> blake2b_of_file(const std::string& path, const std::stop_token& cancel) {
  return digest_of_file(path, EVP_blake2b512(), cancel);
}

bool is_signed(std::string_view message, std::string_view signature, std::string_view key) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> public_key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(key), key.size()), &EVP_PKEY_free);
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  if (!public_key || !context || EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, public_key.get()) != 1) {
    return false;
  }
  return EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(message), message.size()) == 1;
}

Result<std::string> parse_md5sum(const std::string& text, const std::string& file_name) {
  std::istringstream lines(text);
  std::string nameless;
  int count = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::string_view entry = trim(line);
    if (!entry.empty()) ++count;
    const auto [digest, name] = split_line(entry);
    if (!is_hex(digest, 32)) continue;
    if (base_name(name) == file_name) return to_lower(digest);
    if (name.empty()) nameless = to_lower(digest);
  }
  if (count == 1 && !nameless.empty()) return nameless;
  return Error{cat("has no MD5 digest of ", file_name, ": \"", one_line(trim(text), 100), "\"")};
}

}  // namespace ops::updater
