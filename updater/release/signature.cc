#include "updater/release/signature.h"

#include <algorithm>

#include "common/base/base64.h"
#include "updater/release/checksum.h"

namespace ops::updater {

namespace {

constexpr size_t kIdSize = 8;
constexpr size_t kKeySize = 32;
constexpr size_t kSignatureSize = 64;
constexpr std::string_view kUntrusted = "untrusted comment: ";
constexpr std::string_view kTrusted = "trusted comment: ";

/// The four lines of a .minisig, the last newline optional; empty for any other number of lines.
std::vector<std::string> four_lines(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    if (lines.back().ends_with('\r')) lines.back().pop_back();
    at = end + 1;
  }
  if (lines.size() != 4) lines.clear();
  return lines;
}

/// Whether the trusted comment, a list of fields separated by tabs, has this field.
bool has_field(std::string_view comment, const std::string& field) {
  for (size_t at = 0; at <= comment.size();) {
    const size_t end = std::min(comment.find('\t', at), comment.size());
    if (comment.substr(at, end - at) == field) return true;
    at = end + 1;
  }
  return false;
}

std::string ids_of(const std::vector<PublicKey>& keys) {
  std::string ids;
  for (const PublicKey& key : keys) ids += (ids.empty() ? "" : " or ") + key_id_text(key.id);
  return ids;
}

}  // namespace

std::string key_id_text(const std::string& id) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  // minisign prints the id as a number; its bytes are little-endian.
  for (auto byte = id.rbegin(); byte != id.rend(); ++byte) {
    const auto value = static_cast<unsigned char>(*byte);
    text += {kDigits[value >> 4], kDigits[value & 15]};
  }
  return text;
}

Result<PublicKey> parse_public_key(const std::string& text) {
  const auto bytes = decode_base64(text);
  if (!bytes || bytes->size() != 2 + kIdSize + kKeySize || !bytes->starts_with("Ed")) {
    return Error{cat("\"", one_line(text, 80), "\" is not a minisign public key: copy the second line of minisign.pub, RW…")};
  }
  return PublicKey{bytes->substr(2, kIdSize), bytes->substr(2 + kIdSize), text};
}

Result<Signature> parse_signature(const std::string& text, const std::string& file_name, const std::vector<PublicKey>& keys) {
  const auto lines = four_lines(text);
  if (lines.empty() || !lines[0].starts_with(kUntrusted) || !lines[2].starts_with(kTrusted)) {
    return Error{cat("is not a minisign signature: \"", one_line(trim(text), 100), "\"")};
  }
  const auto bytes = decode_base64(lines[1]);
  const auto global = decode_base64(lines[3]);
  if (!bytes || bytes->size() != 2 + kIdSize + kSignatureSize || !global || global->size() != kSignatureSize) {
    return Error{"is a damaged minisign signature"};
  }
  if (bytes->starts_with("Ed")) return Error{"is a signature in minisign's legacy format: sign without -l"};
  if (!bytes->starts_with("ED")) return Error{"is a signature by an unknown algorithm"};

  const std::string id = bytes->substr(2, kIdSize);
  const std::string of_digest = bytes->substr(2 + kIdSize);
  const std::string comment = lines[2].substr(kTrusted.size());
  bool id_is_known = false;
  for (const PublicKey& key : keys) {
    if (key.id != id) continue;
    id_is_known = true;
    if (!is_signed(of_digest + comment, *global, key.key)) continue;
    if (!has_field(comment, "file:" + file_name)) {
      return Error{cat("is signed for another file: its trusted comment is \"", one_line(comment, 200),
                       "\", expected file:", file_name)};
    }
    return Signature{key, of_digest};
  }
  if (!id_is_known) return Error{cat("is signed by key ", key_id_text(id), ", expected ", ids_of(keys))};
  return Error{cat("is not signed by key ", key_id_text(id), ", although it names this key: it was changed")};
}

bool Signature::covers(const std::string& digest) const { return is_signed(digest, of_digest, key.key); }

}  // namespace ops::updater
