#pragma once

// MD5, as the original uses it: against line noise, not against an attacker.

#include <stop_token>
#include <string>

#include "common/result.h"

namespace ops::updater {

/// The file's MD5 digest, 32 hex digits in lower case.
Result<std::string> md5_of_file(const std::string& path, const std::stop_token& cancel);

/// The digest that a .md5 file in md5sum's format gives for `file_name`: of the line that names it, or of the only line when
/// that names no file. `text` may be anything that a server sent.
Result<std::string> parse_md5sum(const std::string& text, const std::string& file_name);

}  // namespace ops::updater
