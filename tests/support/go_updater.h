#pragma once

// Plays the Go updater on a host: the bytes that it was seen to send, and the folders that it leaves. Its pauses of 3 s after
// a start and a stop are left out.

#include <string>

namespace ops::tests {

class GoUpdater {
 public:
  /// `folder` is the updater's own; agents are below it.
  GoUpdater(std::string folder, std::string hostname) : folder_(std::move(folder)), hostname_(std::move(hostname)) {}

  /// One round: a heartbeat to this port, and the commands in the reply. Returns the reply's body.
  std::string round(int meta_port) const;

  /// Only the heartbeat.
  std::string heartbeat(int meta_port) const;
  /// Only the commands.
  void obey(const std::string& reply) const;

  /// NAME/VERSION/ with the tarball, its .md5 and the tarball's content. A version that runs is written over.
  void untar(const std::string& name, const std::string& version, const std::string& tarball) const;
  /// NAME/.version, without a newline.
  void write_version(const std::string& name, const std::string& version) const;

 private:
  std::string control(const std::string& name, const std::string& version, const std::string& verb) const;
  void start(const std::string& name, const std::string& version, const std::string& base_url) const;

  std::string folder_;
  std::string hostname_;
};

}  // namespace ops::tests
