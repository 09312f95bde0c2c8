#pragma once

// What every daemon of ours does in the same way: flags, the lock on var/app.pid, signals, readiness.
//
//   -c FILE   the config, cfg.json by default      -t   check the config, say what is wrong, exit 0 or 2
//   -l FILE   log there instead of to stderr       -v   print the version, the commit and the linked libraries (version.h)
//
// and the long options that are a daemon's own.
//
// A daemon works in the folder of its binary: all relative paths but those of -c and -l start there. It holds an exclusive
// flock(2) on var/app.pid for as long as it lives, and writes its pid into that file when it serves. So a locked file with a
// pid in it means started, a locked empty one starting, and whatever an unlocked one says is past. ./control reads it so. The
// folder itself is locked as well, for somebody may remove var/ to make room, and two daemons in one folder would be worse.
//
// The Go original locks neither: its ./control writes var/app.pid. So an unlocked pid is past, unless its process is an
// ops-meta or ops-updater (whatever lies at its path now) that works in this folder. Then a start is refused, and ./control
// stop, too, does not touch it.

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

/// An option of one daemon only: {"try", "TARBALL", "…"} is --try TARBALL, and what -h says of it. One whose argument is "" has
/// none.
struct LongOption {
  const char* name;
  const char* argument;
  const char* help;
};

struct DaemonOptions {
  std::string config = "cfg.json";  // absolute once parsed
  std::string log_file;             // absolute; "" for stderr
  bool check_config = false;
  std::map<std::string, std::string> own;  // the arguments of the daemon's own options, as far as they were given
};

/// Parses the flags. Answers -v, -h and wrong flags itself, by leaving the program; `summary` is -h's first line.
DaemonOptions parse_daemon_options(int argc, char** argv, const std::string& name, const std::string& summary,
                                   const std::vector<LongOption>& own = {});

/// Changes to the folder of the binary. `argv0` serves where there is no /proc.
Result<void> enter_home(const char* argv0);

/// From now on nobody else may write to what is created here, by agents and other children too, whatever the umask was.
void restrict_umask();

/// -t: prints the report on stderr and returns the exit code, 0 or 2.
int print_config_check(const std::string& path, const ConfigReport& report);

/// The lock on var/app.pid, and on the folder that var is in.
class PidFile {
 public:
  /// Fails when another process has the lock: "runs already, pid N"; and when a daemon without a lock runs in the folder.
  static Result<PidFile> lock(const std::string& path);

  /// Says that the daemon serves: writes its pid, and tells systemd (sd_notify's READY=1) when that started it.
  Result<void> announce_ready() const;

 private:
  PidFile(Fd file, Fd folder, std::string path) : file_(std::move(file)), folder_(std::move(folder)), path_(std::move(path)) {}
  Fd file_;
  Fd folder_;
  std::string path_;
};

/// Signals as values. To be made before any thread, so that none takes a signal away: SIGTERM, SIGINT, SIGHUP and the wake-up
/// are blocked and only ever come out of wait(). SIGPIPE is ignored.
class Signals {
 public:
  Signals();

  enum class Event { stop, reload, wake, timeout };

  /// The next signal, or timeout after `patience`; without one it waits for ever.
  Event wait(std::optional<std::chrono::milliseconds> patience) const;

  /// Makes wait() return `wake`. Any thread may call it.
  static void wake();

 private:
  sigset_t set_;
};

/// Has malloc give freed memory back to the system soon, at some cost for large blocks: a daemon that once answered a hundred
/// megabyte bodies at a time should not look as if it still did. To be called before any thread is made.
void keep_memory_flat();

/// Tells systemd of a change ("READY=1", "STOPPING=1"), as sd_notify(3) does; nothing happens without $NOTIFY_SOCKET.
void notify_systemd(const std::string& state);

}  // namespace ops
