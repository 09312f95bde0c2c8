#include "meta/api/busy.h"

#include <random>

namespace ops::meta {

HttpResponse retry_later(const std::string& why, int min, int max) {
  thread_local std::minstd_rand random(std::random_device{}());
  HttpResponse response = HttpResponse::text(503, why + "\n");
  response.headers.emplace_back("Retry-After", std::to_string(std::uniform_int_distribution(min, max)(random)));
  return response;
}

}  // namespace ops::meta
