#pragma once

// The servers that are measured, each in a temporary folder and on a port that the kernel chose.

#include <string>

#include "tests/fleet/fleet.h"
#include "tests/support/boxes.h"

namespace ops::bench {

/// The size of the file that both serve as /big.
inline constexpr size_t kTarballSize = 50'000'000;

/// An ops-meta with the config of a site: no debug log, three agents, in the versions that the fleet runs.
class Meta : public tests::Box {
 public:
  /// `http`: more of the config's "http".
  explicit Meta(std::string http = "");

  /// On a port that stays the same through restarts.
  bool start();
  int port() const { return port_; }
  fleet::Target target() const;

 private:
  const std::string http_;
  int port_ = 0;
};

/// nginx with one worker: `return 200` with this body for any request, but for /big, which goes out by sendfile.
class Nginx {
 public:
  Nginx(const std::string& binary, const std::string& body, const std::string& big_file);
  /// Stops the master by SIGTERM, and the worker with it.
  ~Nginx();
  Nginx(const Nginx&) = delete;
  Nginx& operator=(const Nginx&) = delete;

  bool start();
  std::string log() const;
  pid_t pid() const { return process_.pid(); }
  fleet::Target target() const;

 private:
  tests::TempDir folder_;
  std::string binary_;
  int port_ = 0;
  tests::Process process_;
};

}  // namespace ops::bench
