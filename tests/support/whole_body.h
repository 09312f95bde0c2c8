#pragma once

// The body of a response as a client gets it: `body` and all pieces of `stream`.

#include <string>

#include "common/http/server.h"

namespace ops::tests {

inline std::string whole_body(const HttpResponse& response) {
  std::string body = response.body;
  for (bool more = static_cast<bool>(response.stream); more;) {
    std::string piece;
    more = response.stream(piece);
    body += piece;
  }
  return body;
}

}  // namespace ops::tests
