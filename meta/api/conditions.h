#pragma once

// Requests for a file on conditions (RFC 9110, section 13), or for a part of it (section 14). Nothing here touches the disk.

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "common/http/message.h"

namespace ops::meta {

/// How a client tells one content of a file from another.
struct Validators {
  std::string etag;        // a strong one, with its quotes
  time_t modified_at = 0;  // seconds since 1970
};

enum class Condition { holds, not_modified /* 304 */, failed /* 412 */ };

/// What If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since come to for a file that is there. A date that can't
/// be read is no condition.
Condition judge(const HttpRequest& request, const Validators& file);

/// A part of a file. `length` 0: the file has nothing of what was asked for, a 416.
struct ByteRange {
  uint64_t offset = 0;
  uint64_t length = 0;

  bool operator==(const ByteRange&) const = default;
};

/// The part of `size` bytes that a GET asks for by Range, while If-Range holds; nullopt when the whole file is the answer.
/// Several ranges that make one part are answered with that part; with gaps between them, with the whole file. HTTP allows
/// both, and it spares us multipart/byteranges, which no program that fetches tarballs asks for.
std::optional<ByteRange> asked_range(const HttpRequest& request, const Validators& file, uint64_t size);

}  // namespace ops::meta
