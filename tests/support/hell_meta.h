#pragma once

// An ops-meta and a server of tarballs in one, both of which say just what the test wants.

#include <map>
#include <string>
#include <vector>

#include "tests/support/boxes.h"
#include "tests/support/hell_server.h"

namespace ops::tests {

class HellMeta {
 public:
  explicit HellMeta(HellServer::Opens opens = HellServer::Opens::at_once);

  void open() { server_.open(); }

  std::string address() const { return server_.address(); }
  std::string url(const std::string& path) const { return server_.url(path); }

  /// From now on every heartbeat is answered with these bytes.
  void answer(const std::string& response);
  /// … never.
  void stall();
  /// … with a good reply that desires these agents; their tarballs are here unless they say else.
  void desire(const std::vector<TestAgent>& agents);
  /// The reply that desire() would give, to be made worse.
  std::string reply_for(const std::vector<TestAgent>& agents) const;

  /// Whoever asks for /t/FILE gets these bytes.
  void serve(const std::string& file, const std::string& response);
  /// Serves NAME-VERSION.tar.gz and its .md5, as a good server does.
  void publish(const std::string& name, const std::string& version, const std::string& tarball);

  size_t heartbeats() const { return server_.count("/heartbeat"); }
  /// How often /t/FILE was asked for.
  size_t fetches(const std::string& file) const { return server_.count("/t/" + file); }
  /// Of the agent's entry in the last heartbeat's realAgents or updates: a field's text; "" when there is none.
  std::string said(const std::string& list, const std::string& agent, const std::string& field) const;

 private:
  void handle(const HellRequest& request, const HellPeer& peer);

  mutable std::mutex mutex_;
  std::string answer_;                        // guarded by mutex_
  bool stalls_ = false;                       // guarded by mutex_
  std::map<std::string, std::string> files_;  // by target; guarded by mutex_
  std::string last_heartbeat_;                // guarded by mutex_
  HellServer server_;                         // last: it ends before what it uses does
};

}  // namespace ops::tests
