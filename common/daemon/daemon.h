#pragma once

// The common parts of both daemons: flags, the lock on var/app.pid, signals, readiness.
//
//   -c FILE   config file, default cfg.json        -t   check the config, print its faults, exit 0 or 2
//   -l FILE   log to FILE instead of stderr        -v   print the version, the commit and the linked libraries (version.h)
//   -d FOLDER work in FOLDER
//
// A daemon may add long options of its own.
//
// A daemon works in the folder of its binary, or in the folder of -d: every relative path starts there, except those of -c and
// -l. (A Debian package has the binary in /usr/lib and the folder in /var/lib.)
//
// A daemon holds an exclusive flock(2) on var/app.pid while it runs, and writes its pid into the file when it is ready.
// ./control relies on this: a locked file with a pid means started, a locked blank file means starting, an unlocked file means
// stopped. The daemon also locks the folder itself: when an operator removes var/, a second daemon still cannot start there.
//
// The Go original locks neither the file nor the folder: its ./control writes var/app.pid. If the pid in an unlocked file is
// that of an ops-meta or ops-updater that works in this folder, this daemon does not start, and ./control stop does not stop
// that process.

#include <chrono>
#include <csignal>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/file.h"
#include "common/base/result.h"
#include "common/daemon/config_reader.h"

namespace ops {

/// A long option of one daemon, with its text for -h: {"try", "TARBALL", "…"} is --try TARBALL. `argument` is "" for an option
/// without an argument.
struct LongOption {
  const char* name;
  const char* argument;
  const char* help;
};

struct DaemonOptions {
  std::string config = "cfg.json";  // absolute once parsed
  std::string log_file;             // absolute; "" for stderr
  std::string home;                 // absolute; "" for the folder of the binary
  bool check_config = false;
  std::map<std::string, std::string> own;  // the daemon's own options that were given, with their arguments
};

/// Parses the flags. Exits the process for -v, -h and wrong flags. `summary` is in the first line of -h.
DaemonOptions parse_daemon_options(int argc, char** argv, const std::string& name, const std::string& summary,
                                   const std::vector<LongOption>& own = {});

/// Changes to options.home, or to the folder of the binary. Uses `argv0` when /proc is not mounted.
Result<void> enter_home(const DaemonOptions& options, const char* argv0);

/// Reports why the daemon `name` cannot start: on stderr, and in the log if that is elsewhere.
void print_failure(const std::string& name, const std::string& why);

/// Adds 022 to the umask: group and others may not write files that this process and its children create.
void restrict_umask();

/// -t, and a start with a bad config: prints the report on stderr and returns the exit code, 0 or 2.
int print_config_check(const std::string& path, const ConfigReport& report);

/// The lock on var/app.pid and on the folder that contains var.
class PidFile {
 public:
  /// Fails when another process holds the lock ("runs already, pid N") or a daemon without a lock runs in the folder. Waits up
  /// to 2 s for a lock that is released meanwhile.
  static Result<PidFile> lock(const std::string& path);

  /// Reports that the daemon is ready: writes its pid, and sends READY=1 to systemd (see notify_systemd).
  Result<void> announce_ready() const;

 private:
  PidFile(Fd file, Fd folder, std::string path) : file_(std::move(file)), folder_(std::move(folder)), path_(std::move(path)) {}
  Fd file_;
  Fd folder_;
  std::string path_;
};

/// Signals as values. The constructor blocks SIGTERM, SIGINT, SIGHUP and the wake-up signal, ignores SIGPIPE, and
/// does not ignore SIGCHLD. Create it before any thread: threads inherit the blocked signals, so only wait() receives them.
class Signals {
 public:
  Signals();

  enum class Event { stop, reload, wake, timeout };

  /// Waits for the next signal. Returns timeout after `patience`; waits without limit when that is nullopt.
  Event wait(std::optional<std::chrono::milliseconds> patience) const;

  /// Makes wait() return wake. Any thread may call it.
  static void wake();

 private:
  sigset_t set_;
};

/// Makes malloc return freed memory to the system early, at some cost for large blocks: memory use falls again after a peak.
/// Call it before any thread exists.
void keep_memory_flat();

/// Sends a state ("READY=1", "STOPPING=1") to systemd, as sd_notify(3) does. Does nothing without $NOTIFY_SOCKET.
void notify_systemd(const std::string& state);

}  // namespace ops
