#pragma once

#include <string>

#include "common/http/message.h"

namespace ops::meta {

/// A 503 with a Retry-After of `least` to `most` seconds, drawn anew each time: clients should not come back all at once.
HttpResponse retry_later(const std::string& why, int least, int most);

}  // namespace ops::meta
