#pragma once

#include <string>

#include "common/http/message.h"

namespace ops::meta {

/// A 503 with a random Retry-After of `min` to `max` seconds, so that clients do not all retry at the same time.
HttpResponse retry_later(const std::string& why, int min, int max);

}  // namespace ops::meta
