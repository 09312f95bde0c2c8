#pragma once

// Imitates the Go updater on a host: it sends the same bytes and leaves the same folders. It does not pause for 3 s after a
// start or a stop, as the Go updater does.

#include <string>

namespace ops::tests {

class GoUpdater {
 public:
  /// `folder` is the folder of the updater; the agents' folders are in it.
  GoUpdater(std::string folder, std::string hostname) : folder_(std::move(folder)), hostname_(std::move(hostname)) {}

  /// Sends a heartbeat to this port and executes the commands of the reply. Returns the reply's body.
  std::string round(int meta_port) const;

  /// Sends a heartbeat and returns the reply's body.
  std::string heartbeat(int meta_port) const;
  /// Executes the commands of a reply.
  void obey(const std::string& reply) const;

  /// Fills NAME/VERSION/ with the tarball, its .md5 and its content. Overwrites the files of a version that runs.
  void untar(const std::string& name, const std::string& version, const std::string& tarball) const;
  /// Writes NAME/.version, without a newline.
  void write_version(const std::string& name, const std::string& version) const;

 private:
  std::string control(const std::string& name, const std::string& version, const std::string& verb) const;
  void start(const std::string& name, const std::string& version, const std::string& base_url) const;

  std::string folder_;
  std::string hostname_;
};

}  // namespace ops::tests
