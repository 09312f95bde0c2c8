#include "meta/api/page.h"

namespace ops::meta {

bool wants_page(const HttpRequest& request) {
  return request.path == "/" && request.header("Accept").find("text/html") != std::string::npos;
}

HttpResponse page() {
  HttpResponse response;
  response.content_type = "text/html; charset=UTF-8";
  response.body = kPage;
  response.headers = {{"Content-Security-Policy", std::string(kPagePolicy)},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Referrer-Policy", "no-referrer"},
                      {"Cache-Control", "no-cache"},
                      {"Vary", "Accept"}};
  return response;
}

}  // namespace ops::meta
