#include "common/http/resolver.h"

#include <ares.h>
#include <arpa/inet.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>

#include "common/base/text.h"

namespace ops {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kTimeout{10};
using Channel = std::unique_ptr<ares_channeldata, decltype(&ares_destroy)>;

struct Answer {
  bool is_there = false;
  int status = ARES_SUCCESS;
  std::vector<std::string> addresses;
};

void take_answer(void* context, int status, int /*timeouts*/, ares_addrinfo* list) {
  Answer& answer = *static_cast<Answer*>(context);
  answer.is_there = true;
  answer.status = status;
  for (const ares_addrinfo_node* node = list == nullptr ? nullptr : list->nodes; node != nullptr; node = node->ai_next) {
    const void* bytes = node->ai_family == AF_INET
                            ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(node->ai_addr)->sin_addr)
                            : &reinterpret_cast<const sockaddr_in6*>(node->ai_addr)->sin6_addr;
    char text[INET6_ADDRSTRLEN];
    if (::inet_ntop(node->ai_family, bytes, text, sizeof text) != nullptr) answer.addresses.emplace_back(text);
  }
  if (list != nullptr) ares_freeaddrinfo(list);
}

/// The sockets that c-ares waits for, and the events of poll(2) for each.
using Sockets = std::map<ares_socket_t, short>;

void note_socket(void* context, ares_socket_t socket, int reads, int writes) {
  Sockets& sockets = *static_cast<Sockets*>(context);
  const auto events = static_cast<short>((reads != 0 ? POLLIN : 0) | (writes != 0 ? POLLOUT : 0));
  if (events == 0) {
    sockets.erase(socket);
  } else {
    sockets[socket] = events;
  }
}

/// Serves the channel's sockets until the answer is there or the deadline comes. (Not select: a server may have more than
/// FD_SETSIZE files open.)
void await(ares_channel channel, const Sockets& sockets, const Answer& answer, Clock::time_point deadline) {
  while (!answer.is_there) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return;
    std::vector<pollfd> polled;
    for (const auto& [socket, events] : sockets) polled.push_back({socket, events, 0});
    timeval most{left.count() / 1000, left.count() % 1000 * 1000};
    timeval next{};
    ares_timeout(channel, &most, &next);
    ::poll(polled.data(), polled.size(), static_cast<int>(next.tv_sec * 1000 + next.tv_usec / 1000 + 1));
    ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // retries whose time has come
    for (const pollfd& socket : polled) {
      ares_process_fd(channel, (socket.revents & ~POLLOUT) != 0 ? socket.fd : ARES_SOCKET_BAD,
                      (socket.revents & POLLOUT) != 0 ? socket.fd : ARES_SOCKET_BAD);
    }
  }
}

bool is_address(const std::string& host) {
  in6_addr bytes{};
  return ::inet_pton(AF_INET, host.c_str(), &bytes) == 1 || ::inet_pton(AF_INET6, host.c_str(), &bytes) == 1;
}

}  // namespace

Result<std::vector<std::string>> resolve_host(const std::string& host) {
  if (is_address(host)) return std::vector<std::string>{host};
  ares_channel raw = nullptr;
  char files_then_dns[] = "fb";
  ares_options options{};
  options.lookups = files_then_dns;
  Sockets sockets;  // outlives the channel, as the answer does: c-ares calls back when the channel is destroyed
  options.sock_state_cb = note_socket;
  options.sock_state_cb_data = &sockets;
  if (const int status = ares_init_options(&raw, &options, ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB); status != ARES_SUCCESS) {
    return Error{cat("cannot resolve ", host, ": ", ares_strerror(status))};
  }
  Answer answer;
  const Channel channel(raw, &ares_destroy);
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  ares_getaddrinfo(channel.get(), host.c_str(), nullptr, &hints, take_answer, &answer);
  await(channel.get(), sockets, answer, Clock::now() + kTimeout);
  if (!answer.is_there) {
    return Error{cat("cannot resolve ", host, ": no name server of /etc/resolv.conf answered within ", kTimeout.count(), " s")};
  }
  if (answer.status != ARES_SUCCESS) return Error{cat("cannot resolve ", host, ": ", ares_strerror(answer.status))};
  if (answer.addresses.empty()) return Error{cat("cannot resolve ", host, ": it has no address")};
  return answer.addresses;
}

}  // namespace ops
