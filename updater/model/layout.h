#pragma once

// The names of files and folders on a host. Nothing here touches the disk.
//
//   ops-updater  control  cfg.json  var/     the updater itself
//   falcon-agent/                            an agent: a folder that contains a .version. The updater ignores other folders
//     .version                               the version that should run here; the commit point of a switch
//     .state                                 what the updater must remember, see state.h
//     .state.damaged                         a .state that could not be read
//     .hold                                  made by the operator: the agent is held; the first line is the reason
//     .retry                                 made by the operator: the updater drops latches and pauses, then removes it
//     .script                                the ./control that runs now, see script_note.h
//     .download-3.1.3                        a tarball during the download; kept so that the download can resume
//     .download-3.1.3.from                   which file on the server that is, see download.h
//     .staged-3.1.3/                         staging: an unpacked release, complete once it contains .installed. During a
//                                            switch to other content of the same version it contains the old content
//     .failed-3.1.3/                         the last release that failed: at most 10 MB of its files, for the operator
//     .reserve                               disk space for a rollback; exists from a switch to the end of its soak
//     3.1.3/control                          the agent's start, stop and status script, see control_script.h
//     3.1.3/.installed                       the MD5 digest of the release's tarball. A folder without it was made by the Go
//                                            updater or by hand: the updater runs it and never removes it
//
// A version begins with a letter or a digit, so a version's folder cannot have the name of one of these files.

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
  std::string script_note(const std::string& name) const { return agent(name) + "/.script"; }
  std::string reserve_file(const std::string& name) const { return agent(name) + "/" + kReserveFile; }
  std::string version(const std::string& name, const std::string& version) const { return agent(name) + "/" + version; }
  std::string staged(const std::string& name, const std::string& version) const {
    return agent(name) + "/" + kStagedPrefix + version;
  }
  std::string download(const std::string& name, const std::string& version) const {
    return agent(name) + "/" + kDownloadPrefix + version;
  }
  std::string failed(const std::string& name, const std::string& version) const {
    return agent(name) + "/" + kFailedPrefix + version;
  }

  static constexpr char kFailedPrefix[] = ".failed-";
  static constexpr char kStagedPrefix[] = ".staged-";
  static constexpr char kDownloadPrefix[] = ".download-";
  static constexpr char kReserveFile[] = ".reserve";
  static constexpr char kInstalledFile[] = "/.installed";
  static constexpr char kControlFile[] = "/control";

 private:
  std::string root_;
};

/// False for invalid names and for var, the updater's own folder.
bool may_be_agent(const std::string& name);

struct ReleaseName {
  std::string name;
  std::string version;

  bool operator==(const ReleaseName&) const = default;
};

/// Splits NAME-VERSION.tar.gz. The version begins after the first "-" that is followed by a digit or by v and a digit, else
/// after the last "-". Returns nullopt if the name does not have this form.
std::optional<ReleaseName> parse_tarball_name(const std::string& file_name);

}  // namespace ops::updater
