#pragma once

// One thread that serves many connections: epoll, and sockets that never block.
//
// The life of a connection:
//   reading    gathers a request until it is whole (http_framer.h), then answers it at once; a kept one begins here again
//   writing    sends what the reply has; files and streams go over to the server's bulk loop, piece by piece in turns, so
//              that a slow disk or a long listing delays no heartbeat
//   lingering  has said all, and lets the reply reach a client that is still sending: to close on bytes that were not read
//              would reset the connection

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "common/http_codec.h"
#include "common/http_server.h"

namespace ops {

class HttpLoop;

/// What the loops of a server have in common. It outlives them.
struct HttpLoops {
  HttpHandler handler;
  HttpServerOptions options;
  Fd listener;
  HttpLoop* bulk = nullptr;
  std::atomic<size_t> connections = 0;
};

class HttpLoop {
 public:
  /// Starts the thread; `accepts`: it takes connections from the listener, else only those that are handed over to it.
  HttpLoop(HttpLoops& all, bool accepts);
  /// Ends its connections at once.
  ~HttpLoop();
  HttpLoop(const HttpLoop&) = delete;
  HttpLoop& operator=(const HttpLoop&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  struct Connection;
  enum class Next { go_on, hand_over, hang_up };

  void run();
  void wake() const;
  void set_accepting(bool on);
  void accept_some();
  void accept(Fd socket, std::string peer);
  bool make_room();
  void adopt(std::unique_ptr<Connection> connection);
  void take_handed_over();
  void advance(Connection& connection);
  void settle(Connection& connection, Next next);
  void hang_up(int socket);
  void sweep();

  Next read_some(Connection& connection);
  Next take_bytes(Connection& connection, std::string_view bytes);
  Next wait_for_rest(Connection& connection, std::string_view bytes);
  Next answer(Connection& connection, std::string_view bytes);
  Next refuse(Connection& connection, int status);
  Next write_some(Connection& connection);
  Next send_file(Connection& connection);
  Next end_reply(Connection& connection);
  Next linger(Connection& connection);
  Next drain(Connection& connection);
  Next watch(Connection& connection, uint32_t events);

  HttpLoops& all_;
  const bool accepts_;
  const Fd epoll_;
  const Fd wake_;  // an eventfd
  std::atomic<bool> stopping_ = false;

  // The thread's own.
  HttpCodec codec_;
  std::unordered_map<int, std::unique_ptr<Connection>> connections_;  // by socket
  std::array<char, 32 << 10> scratch_;                                // what was received last
  size_t gathered_ = 0;                                               // bytes of requests that are not whole yet
  bool accepting_ = false;
  Clock::time_point now_{};
  Clock::time_point swept_{};
  Clock::time_point complained_{};

  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> handed_over_;  // guarded by mutex_

  std::thread thread_;  // last: it uses all the others
};

}  // namespace ops
