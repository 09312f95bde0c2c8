#pragma once

// A scripted ops-meta that is also the tarball server. The test decides every reply of both.

#include <map>
#include <string>
#include <vector>

#include "tests/support/boxes.h"
#include "tests/support/fake_server.h"

namespace ops::tests {

class FakeMeta {
 public:
  explicit FakeMeta(FakeServer::Opens opens = FakeServer::Opens::at_once);

  void open() { server_.open(); }

  std::string address() const { return server_.address(); }
  std::string url(const std::string& path) const { return server_.url(path); }

  /// Sets the bytes that answer every heartbeat that follows.
  void answer(const std::string& response);
  /// Leaves every heartbeat that follows without a reply.
  void stall();
  /// Answers every heartbeat that follows with a good reply that assigns these agents. An agent without a `tarball` gets the
  /// URL of this server.
  void assign(const std::vector<TestAgent>& agents);
  /// The body that assign() sends. A test can damage it and pass it to answer().
  std::string reply_for(const std::vector<TestAgent>& agents) const;

  /// Sets the bytes that answer a request for /t/FILE.
  void serve(const std::string& file, const std::string& response);
  /// Serves NAME-VERSION.tar.gz and its .md5 correctly.
  void publish(const std::string& name, const std::string& version, const std::string& tarball);

  size_t heartbeats() const { return server_.count("/heartbeat"); }
  /// The number of requests for /t/FILE.
  size_t fetches(const std::string& file) const { return server_.count("/t/" + file); }
  /// A field of the agent's entry in `list` (realAgents or updates) of the last heartbeat; "" when there is none.
  std::string reported(const std::string& list, const std::string& agent, const std::string& field) const;

 private:
  void handle(const FakeRequest& request, const FakePeer& peer);

  mutable std::mutex mutex_;
  std::string answer_;                        // guarded by mutex_
  bool stalls_ = false;                       // guarded by mutex_
  std::map<std::string, std::string> files_;  // by target; guarded by mutex_
  std::string last_heartbeat_;                // guarded by mutex_
  FakeServer server_;                         // last member: its threads use the members above
};

}  // namespace ops::tests
