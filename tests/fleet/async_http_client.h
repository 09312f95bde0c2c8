#pragma once

// An HTTP client for thousands of concurrent requests in one thread, with epoll.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fleet/client_sockets.h"
#include "tests/fleet/reply.h"
#include "tests/support/tls_client.h"

namespace ops::fleet {

struct Request {
  uint32_t host = 0;
  int64_t due_us = 0;
  bool hold = false;  // keep the connection after the reply, until the server closes it or `hold_us` have passed
  bool retried = false;
};

struct Reply {
  std::string error;  // the kind of the error; "" for a complete reply
  ReplyHead head;
  std::string_view body;  // valid during the callback only
};

enum class Tls {
  none,
  resumed,  // new connections resume the session of an earlier one
  full      // every connection makes a full handshake
};

class AsyncHttpClient {
 public:
  /// Called once for each request, with its reply or error. It may call start().
  using Done = std::function<void(const Request& request, const Reply& reply)>;
  /// Appends the bytes of the request. Called again when the server has closed a kept connection.
  using Render = std::function<void(const Request& request, std::string& to)>;

  struct Limits {
    bool keep = false;  // reuse connections
    size_t max_open = 1000;
    int64_t timeout_us = 20'000'000;
    int64_t hold_us = 60'000'000;
    Tls tls = Tls::none;
  };

  AsyncHttpClient(const Target& target, const Limits& limits, Render render, Done done);
  ~AsyncHttpClient();
  AsyncHttpClient(const AsyncHttpClient&) = delete;
  AsyncHttpClient& operator=(const AsyncHttpClient&) = delete;

  /// Makes the TLS clients of the first connections in advance, because a real fleet spreads this work over its hosts. With
  /// Tls::resumed, sends `first` to get a session.
  void prepare(size_t count, const Request& first);

  /// Whether start() may be called now.
  bool has_room() const { return !idle_.empty() || open_ < limits_.max_open; }
  void start(const Request& request, int64_t now);

  /// Waits for events, at most for `timeout_us`, and handles them.
  void poll(int64_t timeout_us);
  /// Ends requests and held connections that have reached their time limit. The caller calls it about once a second.
  void expire(int64_t now);

  size_t under_way() const { return under_way_; }
  size_t most_open() const { return most_open_; }
  uint64_t opened() const { return opened_; }
  /// The number of opened connections that resumed a TLS session.
  uint64_t resumed() const { return resumed_; }

 private:
  enum class State : uint8_t { free, sending, waiting, idle, holding };
  struct Connection {
    int fd = -1;
    uint32_t generation = 0;  // counts the connections of this slot; an event of an earlier one is void
    State state = State::free;
    bool reused = false;
    bool watched_for_writing = false;
    int64_t since_us = 0;
    Request request;
    std::string out;  // bytes that the socket has not accepted yet
    std::string in;   // the received part of a reply
    std::unique_ptr<tests::TlsClient> tls;
  };

  void open_connection(uint32_t index);
  void send(uint32_t index, std::string_view bytes);
  void receive(uint32_t index);
  void decrypt(uint32_t index, std::string_view bytes);
  void take_text(uint32_t index, std::string_view bytes, bool ended);
  void take(uint32_t index, std::string_view bytes, bool ended);
  void finish(uint32_t index, const Reply& reply);
  void fail(uint32_t index, const std::string& kind);
  void on_close_by_server(uint32_t index, const std::string& kind);
  void watch(uint32_t index, bool for_writing, bool is_new);
  void close(uint32_t index);

  const Target target_;
  const Limits limits_;
  const Render render_;
  const Done done_;
  Dialer dialer_;
  tests::TlsClients tls_clients_;
  int epoll_ = -1;
  std::vector<Connection> connections_;
  std::vector<uint32_t> free_;
  std::vector<uint32_t> idle_;
  std::string request_bytes_;
  std::string encrypted_;  // TLS bytes to send
  std::string decrypted_;  // received text
  std::vector<char> buffer_;
  size_t under_way_ = 0;
  size_t open_ = 0;
  size_t most_open_ = 0;
  uint64_t opened_ = 0;
  uint64_t resumed_ = 0;
};

}  // namespace ops::fleet
