#pragma once

// An event loop: one thread that serves many connections (connection.h) with epoll(7). Connections that send a file or a stream
// are handed over to the server's bulk loop, so that a slow disk or a long listing delays no heartbeat.

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "common/http/connection.h"
#include "common/http/server.h"

namespace ops {

class HttpLoop;

/// What the loops of a server share. Outlives them.
struct HttpLoops {
  HttpHandler handler;
  HttpServerOptions options;
  Fd listener;
  Fd owner_listener;  // listens on the owner socket; empty without one
  HttpLoop* bulk = nullptr;
  HttpCounters own_counters;
  HttpCounters* counters = &own_counters;
};

class HttpLoop {
 public:
  /// `accepts`: accepts connections from the listeners; otherwise the loop serves only connections that are handed over to it.
  HttpLoop(HttpLoops& all, bool accepts);
  /// Starts the thread. Fails when the process has no free descriptors or cannot create a thread.
  Result<void> start();
  /// Closes its connections at once.
  ~HttpLoop();
  HttpLoop(const HttpLoop&) = delete;
  HttpLoop& operator=(const HttpLoop&) = delete;

 private:
  using Clock = HttpThread::Clock;
  using Connection = std::unique_ptr<HttpConnection>;

  void run();
  void wake() const;
  void set_accepting(bool on);
  bool watch_listener(const Fd& listener, bool on);
  void accept_some();
  bool speaks_tls() const;
  Connection make_connection(Fd socket, std::string ip) const;
  void accept_owner();
  bool pause_when_exhausted();
  void hand_over(Connection connection);
  void add_handed_over();
  void add(Connection connection);
  void advance(HttpConnection& connection);
  void watch(HttpConnection& connection, uint32_t events);
  void close(int socket);
  bool make_room();
  void sweep();

  HttpLoops& all_;
  const bool accepts_;
  const Fd epoll_;
  const Fd wake_;  // an eventfd
  std::atomic<bool> stopping_ = false;

  // Used by the thread only.
  HttpThread own_;
  std::unordered_map<int, Connection> connections_;  // by socket
  bool accepting_ = false;
  Clock::time_point swept_{};
  Clock::time_point accept_error_logged_at_{};

  std::mutex mutex_;
  std::vector<Connection> handed_over_;  // guarded by mutex_

  std::thread thread_;  // last: the thread uses all other members
};

}  // namespace ops
