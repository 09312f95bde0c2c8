#pragma once

// The two daemons as a host has them: each in its own temporary folder, on a port that the kernel chooses.

#include <string>
#include <vector>

#include "tests/support/certificates.h"
#include "tests/support/http.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace ops::tests {

/// A folder with one of the two binaries. The destructor kills the daemon.
class Box {
 public:
  /// `binary` is ops-meta or ops-updater.
  explicit Box(const std::string& binary);

  const std::string& folder() const { return folder_.path(); }
  std::string operator/(const std::string& name) const { return folder_ / name; }
  /// The daemon's log file, and its stdout and stderr.
  std::string log() const { return read_file(folder_ / "var/app.log") + read_file(folder_ / "out"); }

  /// Starts the daemon with cfg.json. Returns true when it serves, and false when it exits or does not serve in time.
  bool start();
  /// Starts the daemon as the argument of another program, like {"strace", "-o", "x"}.
  bool start_under(const std::vector<std::string>& wrapper);
  Process& process() { return process_; }
  /// The daemon's pid, also when it runs under another program; -1 when it does not serve.
  pid_t daemon_pid() const;
  /// The port in the daemon's log; 0 when the log has none.
  int port() const;

  /// Copies the project's `control` script into the folder, and the daemon's `verbs.sh`.
  void add_control() const;
  /// Runs `./control WORDS...` in the folder, after add_control().
  Finished run_control(const std::vector<std::string>& words) const;

 private:
  TempDir folder_;
  std::string binary_;
  Process process_;
};

struct TestAgent {
  std::string name;
  std::string version;
  std::string cmd = "start";
  std::string md5 = "";       // as in the config
  std::string tarball = "";   // base URL, or a JSON list of them; "" for /NAME at this ops-meta
  std::string more = "";      // more JSON of the agent's config, like ", \"rollout\": {\"timeout\": 5}"
  std::string defaults = "";  // more JSON of its "default", like ", \"startTimeout\": 9"
};

class MetaBox : public Box {
 public:
  MetaBox();

  /// Puts NAME-VERSION.tar.gz and its .md5 where this ops-meta serves them.
  void publish(const std::string& name, const std::string& version, const std::string& tarball) const;

  /// Starts ops-meta with these agents. The port stays the same through restarts.
  bool start(const std::vector<TestAgent>& agents);
  /// Writes a config with these agents and reloads it. Returns false when ops-meta refuses the config.
  bool assign(const std::vector<TestAgent>& agents);

  /// Adds JSON to the config's "http", like ", \"tokens\": [\"t\"]". The next start() or assign() uses it.
  void set_http(const std::string& more) { http_ = more; }
  /// Adds JSON to the config, like ", \"maxHosts\": 9". The next start() or assign() uses it.
  void set_more(const std::string& more) { more_ = more; }
  /// Before the first start(): the port that two ops-metas need to know of each other.
  void set_port(int port) { port_ = port; }
  /// Serves TLS with this certificate. With a `client_ca`, ops-meta requires client certificates. Replaces set_http().
  void set_tls(const Issued& own, const std::string& client_ca = "");

  int port() const { return port_; }
  /// HOST:PORT, as in an updater's config.
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url(const std::string& path = "") const { return scheme_ + "://" + address() + path; }
  HttpReply get(const std::string& target) const { return tests::get(port_, target); }
  /// A GET over the daemon's own unix socket, which needs no token.
  HttpReply get_as_owner(const std::string& target) const;
  /// /status/text/AGENT
  std::string status(const std::string& agent) const { return get("/status/text/" + agent).body; }
  /// Waits until ops-meta has answered `count` more heartbeats of any hosts. False when they do not arrive in time.
  bool receives_heartbeats(int count) const;

 private:
  void write_config(const std::vector<TestAgent>& agents) const;
  int port_ = 0;
  std::string http_;
  std::string more_;
  std::string scheme_ = "http";
};

struct UpdaterSettings {
  std::string hostname = "h1";
  int interval = 1;         // seconds
  int probation = 1;        // seconds
  int control_timeout = 5;  // seconds
  int settle_timeout = 5;   // seconds; startTimeout and stopTimeout
  std::string more;         // more JSON of the config, like ", \"keepVersions\": 3"
};

class UpdaterBox : public Box {
 public:
  /// `server` is as in the config.
  explicit UpdaterBox(const std::string& server, const UpdaterSettings& settings = {});
  /// Kills the updater, then stops the agents with their own control.
  ~UpdaterBox();

  std::string agent(const std::string& name) const { return folder() + "/" + name; }
  /// The content of the agent's .version, trimmed.
  std::string version(const std::string& name) const;
  /// The trimmed output of `./control VERB` in the folder of an installed version.
  std::string control(const std::string& name, const std::string& version, const std::string& verb) const;
  /// The pid of a demo agent; -1 when it does not run.
  pid_t agent_pid(const std::string& name, const std::string& version) const;
  /// The installed versions whose `./control status` prints "started".
  std::vector<std::string> running(const std::string& name) const;
};

}  // namespace ops::tests
