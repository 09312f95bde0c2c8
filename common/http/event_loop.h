#pragma once

// One thread that serves many connections (connection.h): epoll says which of them can get on. Files and streams go over
// to the server's bulk loop, so that a slow disk or a long listing delays no heartbeat.

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

/// What the loops of a server have in common. It outlives them.
struct HttpLoops {
  HttpHandler handler;
  HttpServerOptions options;
  Fd listener;
  Fd owner_listener;  // on the daemon's own socket; none when there is no such socket
  HttpLoop* bulk = nullptr;
  HttpCounters own_counters;
  HttpCounters* counters = &own_counters;
};

class HttpLoop {
 public:
  /// `accepts`: it takes connections from the listener, else only those that are handed over to it.
  HttpLoop(HttpLoops& all, bool accepts);
  /// Starts the thread. An error when the host has no descriptors or no thread to give.
  Result<void> start();
  /// Ends its connections at once.
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
  Connection greet(Fd socket, std::string ip) const;
  void accept_owner();
  bool give_way_when_full();
  void adopt(Connection connection);
  void take_handed_over();
  void add(Connection connection);
  void advance(HttpConnection& connection);
  void watch(HttpConnection& connection, uint32_t events);
  void hang_up(int socket);
  bool make_room();
  void sweep();

  HttpLoops& all_;
  const bool accepts_;
  const Fd epoll_;
  const Fd wake_;  // an eventfd
  std::atomic<bool> stopping_ = false;

  // The thread's own.
  HttpThread own_;
  std::unordered_map<int, Connection> connections_;  // by socket
  bool accepting_ = false;
  Clock::time_point swept_{};
  Clock::time_point complained_{};

  std::mutex mutex_;
  std::vector<Connection> handed_over_;  // guarded by mutex_

  std::thread thread_;  // last: it uses all the others
};

}  // namespace ops
