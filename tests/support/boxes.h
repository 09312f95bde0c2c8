#pragma once

// The two daemons, each in a folder of its own as on a real box, on ports that the kernel chose.

#include <string>
#include <vector>

#include "tests/support/certificates.h"
#include "tests/support/http.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace ops::tests {

/// A folder with one of the two binaries in it. The daemon is killed at the end of the test.
class Box {
 public:
  explicit Box(const std::string& binary);

  const std::string& folder() const { return folder_.path(); }
  std::string operator/(const std::string& name) const { return folder_ / name; }
  std::string log() const { return read_file(folder_ / "var/app.log") + read_file(folder_ / "out"); }

  /// Starts the daemon; true when it serves. Its log is var/app.log, what it says on stderr is in `out`.
  bool start();
  /// Starts it under another program, as {"strace", "-o", "x"}.
  bool start_under(const std::vector<std::string>& wrapper);
  Process& process() { return process_; }
  /// The daemon's pid, also when it runs under another program; -1 when it doesn't serve.
  pid_t daemon_pid() const;
  /// The port that it says it serves on; 0 when it said none.
  int port() const;

 private:
  TempDir folder_;
  std::string binary_;
  Process process_;
};

struct TestAgent {
  std::string name;
  std::string version;
  std::string cmd = "start";
  std::string md5 = "";      // as in the config
  std::string tarball = "";  // URL base; "" for the meta's own /NAME
  std::string more = "";     // more of its config's JSON, like ", \"rollout\": {\"timeout\": 5}"
};

class MetaBox : public Box {
 public:
  MetaBox();

  /// Puts NAME-VERSION.tar.gz and its .md5 where this meta serves them.
  void publish(const std::string& name, const std::string& version, const std::string& tarball) const;

  /// Starts with this config, on a port that stays the same through restarts.
  bool start(const std::vector<TestAgent>& agents);
  /// Writes a new config and has it reloaded; false when meta refuses it.
  bool desire(const std::vector<TestAgent>& agents);

  /// More of the config's "http", like ", \"tokens\": [\"t\"]"; from the next start or desire() on.
  void set_http(const std::string& more) { http_ = more; }
  /// It speaks TLS with this certificate, and wants one from hosts when there is a `client_ca`.
  void set_tls(const Issued& own, const std::string& client_ca = "");

  int port() const { return port_; }
  /// As an updater's config names it.
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url(const std::string& path = "") const { return scheme_ + "://" + address() + path; }
  HttpReply get(const std::string& target) const { return tests::get(port_, target); }
  /// As the daemon's owner, over its own socket.
  HttpReply ask(const std::string& target) const;
  /// /status/text/AGENT
  std::string status(const std::string& agent) const { return get("/status/text/" + agent).body; }

 private:
  void write_config(const std::vector<TestAgent>& agents) const;
  int port_ = 0;
  std::string http_;
  std::string scheme_ = "http";
};

struct UpdaterSettings {
  std::string hostname = "h1";
  int interval = 1;         // seconds
  int probation = 1;        // seconds
  int control_timeout = 5;  // seconds
  std::string more;         // more of the config's JSON, like ", \"keepVersions\": 3"
};

class UpdaterBox : public Box {
 public:
  /// `server` is as in the config.
  explicit UpdaterBox(const std::string& server, const UpdaterSettings& settings = {});
  /// Stops the agents by their own control.
  ~UpdaterBox();

  std::string agent(const std::string& name) const { return folder() + "/" + name; }
  std::string version(const std::string& name) const;  // .version, trimmed
  /// ./control VERB in a version's folder.
  std::string control(const std::string& name, const std::string& version, const std::string& verb) const;
  /// The pid of a demo agent; -1 when it doesn't run.
  pid_t agent_pid(const std::string& name, const std::string& version) const;
  /// The installed versions whose control says started.
  std::vector<std::string> running(const std::string& name) const;
};

}  // namespace ops::tests
