#pragma once

// A response's body as a client gets it, whether it was there at once or is made while it is read.

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
