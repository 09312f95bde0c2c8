#pragma once

// Where things are on a host. Nothing here touches the disk.
//
//   ops-updater  control  cfg.json  var/     the updater itself
//   falcon-agent/                            an agent: a folder with a .version in it; any other folder is not ours
//     .version                               the version that should run here; an upgrade's commit point
//     .state                                 ours, see state.h
//     .state.damaged                         one that could not be read
//     .hold                                  made by the operator: hands off; its first line says why
//     .retry                                 made by the operator: forget failures and pauses, then remove this
//     .download-3.1.3                        a tarball while it is fetched; kept for resuming
//     .download-3.1.3.from                   which file on the server that is, see download.h
//     .staged-3.1.3/                         a release unpacked; whole once it has its .installed. While a version is on
//                                            trial against other content of the same version, that other content
//     3.1.3/control                          the agent's start, stop and status script, see control_script.h
//     3.1.3/.installed                       the MD5 digest of the tarball it came from. A folder without it is the Go
//                                            updater's or somebody's; it is used as it is, and never removed
//
// A version is alnum at its start, so that no version can be named like a file of ours.

#include <optional>
#include <string>

#include "common/protocol/release.h"

namespace ops::updater {

class Layout {
 public:
  explicit Layout(std::string root) : root_(std::move(root)) {}

  const std::string& root() const { return root_; }
  std::string agent(const std::string& name) const { return root_ + "/" + name; }
  std::string version_file(const std::string& name) const { return agent(name) + "/.version"; }
  std::string state_file(const std::string& name) const { return agent(name) + "/.state"; }
  std::string hold_file(const std::string& name) const { return agent(name) + "/.hold"; }
  std::string retry_file(const std::string& name) const { return agent(name) + "/.retry"; }
  std::string version(const std::string& name, const std::string& version) const { return agent(name) + "/" + version; }
  std::string staged(const std::string& name, const std::string& version) const {
    return agent(name) + "/" + kStagedPrefix + version;
  }
  std::string download(const std::string& name, const std::string& version) const {
    return agent(name) + "/" + kDownloadPrefix + version;
  }

  static constexpr char kStagedPrefix[] = ".staged-";
  static constexpr char kDownloadPrefix[] = ".download-";
  static constexpr char kInstalledFile[] = "/.installed";
  static constexpr char kControlFile[] = "/control";

 private:
  std::string root_;
};

/// False for what can't be an agent's folder because it is the updater's own: var.
bool may_be_agent(const std::string& name);

struct ReleaseName {
  std::string name;
  std::string version;

  bool operator==(const ReleaseName&) const = default;
};

/// The way back: a version is taken to begin with the first digit, or v and a digit, behind a "-", or else behind the last "-".
/// nullopt for what is no tarball's name.
std::optional<ReleaseName> parse_tarball_name(const std::string& file_name);

}  // namespace ops::updater
