#include "meta/api/busy.h"

#include <random>

namespace ops::meta {

HttpResponse retry_later(const std::string& why, int least, int most) {
  thread_local std::minstd_rand random(std::random_device{}());
  HttpResponse response = HttpResponse::text(503, why + "\n");
  response.headers.emplace_back("Retry-After", std::to_string(std::uniform_int_distribution(least, most)(random)));
  return response;
}

}  // namespace ops::meta
