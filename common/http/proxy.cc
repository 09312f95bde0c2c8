#include "common/http/proxy.h"

#include <cstdlib>
#include <initializer_list>

#include "common/base/text.h"

namespace ops {

namespace {

constexpr char kThisMachine[] = "localhost,127.0.0.0/8,::1";

/// The first of these variables that is not empty; "" when all are.
std::string from_environment(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return "";
}

}  // namespace

std::string exceptions_of(const ProxySettings& settings) {
  std::string list =
      settings.exceptions || settings.url ? settings.exceptions.value_or("") : from_environment({"no_proxy", "NO_PROXY"});
  if (settings.url || list == "*") return list;
  return cat(kThisMachine, list.empty() ? "" : ",", list);
}

std::string proxy_for(const std::string& url, const ProxySettings& settings) {
  if (settings.url) return *settings.url;
  // As in curl, HTTP_PROXY is not used: in a CGI program a client sets it, by a header named Proxy.
  return url.starts_with("https:") ? from_environment({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
                                   : from_environment({"http_proxy", "all_proxy", "ALL_PROXY"});
}

}  // namespace ops
