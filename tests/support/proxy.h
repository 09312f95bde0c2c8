#pragma once

// nginx and HAProxy, which `./control test` unpacks from Debian's packages, as reverse proxies in front of a daemon.

#include <string>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace ops::tests {

/// A reverse proxy on a free port. The destructor stops it.
class Proxy {
 public:
  ~Proxy() { process_.stop(); }

  /// Returns true when the proxy serves.
  bool start();
  int port() const { return port_; }
  std::string log() const { return read_file(folder_ / "out"); }

 protected:
  explicit Proxy(std::string program);

  const std::string program_;  // path
  TempDir folder_;
  const int port_;
  std::vector<std::string> arguments_;

 private:
  Process process_;
};

/// Sends requests for /N/PATH as /PATH to 127.0.0.1:`port`, and keeps one connection to it for each N below `lanes`. It closes
/// such a connection after `idle`, like "2s"; "" is nginx's default. `fields`: directives that add header fields.
struct Nginx : Proxy {
  explicit Nginx(int port, int lanes = 1, const std::string& idle = "", const std::string& fields = "");
};

/// The same, with a connection to the daemon for each connection of a client, and the timeouts of Debian's haproxy.cfg. It
/// closes a connection to the daemon that no request has used for `idle`, like "125ms"; "" is HAProxy's default of 5 s.
struct HaProxy : Proxy {
  explicit HaProxy(int port, const std::string& idle = "");
};

/// HAProxy with this `backend NAME` section.
struct HaProxyWith : Proxy {
  HaProxyWith(const std::string& name, const std::string& backend);
};

}  // namespace ops::tests
