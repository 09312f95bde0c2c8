#pragma once

// The servers under measurement, each in a temporary folder and on a port that the kernel chose.

#include <string>

#include "tests/fleet/fleet.h"
#include "tests/support/boxes.h"

namespace ops::bench {

/// The size in bytes of the file that both servers serve as /big.
inline constexpr size_t kTarballSize = 50'000'000;

/// An ops-meta without debug log, with three agents in the versions that the fleet runs.
class Meta : public tests::Box {
 public:
  /// `http` is more JSON for the config's "http".
  explicit Meta(std::string http = "");

  /// The port stays the same through restarts.
  bool start();
  int port() const { return port_; }
  fleet::Target target() const;

 private:
  const std::string http_;
  int port_ = 0;
};

/// nginx with one worker. It answers any request with status 200 and this body, and /big with a file by sendfile.
class Nginx {
 public:
  Nginx(const std::string& binary, const std::string& body, const std::string& big_file);
  /// Stops the master with SIGTERM. The master stops its worker.
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
