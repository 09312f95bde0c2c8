#include "meta/config/machine_name.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "common/base/file.h"
#include "common/http/resolver.h"

namespace ops::meta {

namespace {

/// "10.0.0.1" or "fe80::1", without a zone; "" for other families.
std::string address_text(const sockaddr* address) {
  if (address == nullptr || (address->sa_family != AF_INET && address->sa_family != AF_INET6)) return "";
  const void* bytes = address->sa_family == AF_INET
                          ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(address)->sin_addr)
                          : &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
  char text[INET6_ADDRSTRLEN];
  return ::inet_ntop(address->sa_family, bytes, text, sizeof text) == nullptr ? "" : text;
}

std::vector<std::string> own_addresses() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
  std::vector<std::string> addresses;
  for (; list != nullptr; list = list->ifa_next) addresses.push_back(address_text(list->ifa_addr));
  return addresses;
}

}  // namespace

bool is_loopback(const std::string& host) { return host == "localhost" || host == "::1" || host.starts_with("127."); }

bool is_this_machine(const std::string& host) {
  if (is_loopback(host) || host == machine_name()) return true;
  const auto own = own_addresses();
  const auto found = resolve_host(host);
  return found && std::any_of(found->begin(), found->end(), [&](const std::string& address) {
           return is_loopback(address) || (!address.empty() && std::find(own.begin(), own.end(), address) != own.end());
         });
}

std::string machine_name() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return name;
}

std::string machine_address() {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in other{};  // in RFC 5737's documentation network; connect() on a datagram socket sends no packet
  other.sin_family = AF_INET;
  other.sin_port = htons(9);
  ::inet_pton(AF_INET, "192.0.2.1", &other.sin_addr);
  sockaddr_in own{};
  socklen_t size = sizeof own;
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&other), sizeof other) != 0) return machine_name();
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&own), &size) != 0) return machine_name();
  return address_text(reinterpret_cast<const sockaddr*>(&own));
}

}  // namespace ops::meta
