#pragma once

// Conditional requests (RFC 9110, section 13) and range requests (section 14) for a file. This code does no file I/O.

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "common/http/message.h"

namespace ops::meta {

/// Identify one content of a file.
struct Validators {
  std::string etag;        // strong; with its quotes
  time_t modified_at = 0;  // seconds since 1970
};

enum class Condition { met, not_modified /* 304 */, failed /* 412 */ };

/// Evaluates If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since for an existing file. Ignores invalid dates.
Condition judge(const HttpRequest& request, const Validators& file);

/// A part of a file. `length` 0 means that the file has none of the requested bytes: the answer is a 416.
struct ByteRange {
  uint64_t offset = 0;
  uint64_t length = 0;

  bool operator==(const ByteRange&) const = default;
};

/// The part of a file of `size` bytes that a GET requests by Range. nullopt when the answer is the whole file: without a valid
/// Range, or when If-Range does not match. Several ranges are joined into one; when there is a gap between them, the answer is
/// the whole file. HTTP allows both. The alternative, multipart/byteranges, is not used by programs that download tarballs.
std::optional<ByteRange> requested_range(const HttpRequest& request, const Validators& file, uint64_t size);

}  // namespace ops::meta
