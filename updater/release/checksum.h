#pragma once

// Digests and signatures, by OpenSSL. MD5 is the Go original's checksum: it detects transfer errors, and does not protect
// against an attacker. BLAKE2b and Ed25519 are minisign's (signature.h).

#include <stop_token>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace ops::updater {

/// The file's MD5 digest, 32 hex digits in lower case.
Result<std::string> md5_of_file(const std::string& path, const std::stop_token& cancel);

/// The file's BLAKE2b-512 digest: 64 bytes, not hex.
Result<std::string> blake2b_of_file(const std::string& path, const std::stop_token& cancel);

/// Whether `signature` (64 bytes) is an Ed25519 signature of `message` by `key` (32 bytes).
bool is_signed(std::string_view message, std::string_view signature, std::string_view key);

/// The digest of `file_name` in a .md5 file in md5sum's format: from the line that names the file, or from the only line when
/// that line names no file. `text` is not trusted.
Result<std::string> parse_md5sum(const std::string& text, const std::string& file_name);

}  // namespace ops::updater
