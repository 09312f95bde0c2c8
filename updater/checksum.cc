#include "updater/checksum.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "common/file.h"

namespace ops::updater {

namespace {

std::string to_hex(const unsigned char* bytes, size_t count) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (size_t i = 0; i < count; ++i) hex += {kDigits[bytes[i] >> 4], kDigits[bytes[i] & 15]};
  return hex;
}

/// "dir/falcon-agent-1.0.0.tar.gz" is falcon-agent-1.0.0.tar.gz: md5sum may have been run from elsewhere.
std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

Result<std::string> md5_of_file(const std::string& path, const std::stop_token& cancel) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return system_error("open", path);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  if (!context || EVP_DigestInit_ex(context.get(), EVP_md5(), nullptr) != 1) {
    return Error{cat("cannot compute the checksum of ", path, ": OpenSSL offers no MD5")};
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
  return to_hex(digest, size);
}

Result<std::string> parse_md5sum(const std::string& text, const std::string& file_name) {
  // A line is the digest, a space, a space or "*", and the file's name.
  std::istringstream lines(text);
  std::string nameless;
  int count = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::string_view entry = trim(line);
    if (!entry.empty()) ++count;
    const std::string_view digest = entry.substr(0, entry.find_first_of(" \t"));
    if (!is_hex(digest, 32)) continue;
    std::string_view name = trim(entry.substr(digest.size()));
    if (name.starts_with('*')) name.remove_prefix(1);
    if (base_name(name) == file_name) return to_lower(digest);
    if (name.empty()) nameless = to_lower(digest);
  }
  if (count == 1 && !nameless.empty()) return nameless;
  return Error{cat("holds no MD5 digest of ", file_name, ", but \"", one_line(trim(text), 100), "\"")};
}

}  // namespace ops::updater
