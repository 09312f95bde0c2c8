#pragma once

// The header fields of a reply that are used. Pure.

#include <string>
#include <string_view>

namespace ops {

struct ReplyHeader {
  std::string etag;
  std::string last_modified;
  std::string content_range;
  std::string retry_after;
  std::string date;

  /// Reads a line of a header. A status line begins a new reply, and drops the fields of the redirect before it.
  void take_line(std::string_view line);
};

}  // namespace ops
