#include "common/daemon/daemon.h"

#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <thread>

#include "common/base/log.h"
#include "common/base/version.h"

namespace ops {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

namespace {

constexpr int kWakeSignal = SIGUSR1;
constexpr int kOwnOption = 1000;  // getopt value of every own option; no letter has it

void print_help(const std::string& name, const std::string& summary, const std::vector<LongOption>& own) {
  std::cout << name << " " << version() << ": " << summary << "\n\n"
            << "usage: " << name << " [-c FILE] [-l FILE] [-d FOLDER] [-t | -v | -h]\n"
            << "  -c FILE   config file (default: cfg.json in the current folder)\n"
            << "  -l FILE   log to FILE instead of stderr, and rotate FILE at 10 MB\n"
            << "  -d FOLDER work in FOLDER: var/ and all relative paths are there (default: the folder of the binary)\n"
            << "  -t        check the config, print its errors and warnings, and exit with 0 (good) or 2 (bad)\n"
            << "  -v        print the version, the commit and the linked libraries\n"
            << "  -h        print this help\n";
  for (const LongOption& option : own) {
    std::cout << "  --" << option.name << (*option.argument == '\0' ? "" : " ") << option.argument << "\n            "
              << option.help << "\n";
  }
  std::cout << "\n"
            << "example: ./" << name << " -t -c cfg.json && ./" << name << " -c cfg.json -l var/app.log\n"
            << "./control start runs " << name
            << " in the background. SIGHUP makes it read the config again, SIGTERM stops it.\n";
}

}  // namespace

DaemonOptions parse_daemon_options(int argc, char** argv, const std::string& name, const std::string& summary,
                                   const std::vector<LongOption>& own) {
  std::vector<option> names = {{"help", no_argument, nullptr, 'h'}, {"version", no_argument, nullptr, 'v'}};
  for (const LongOption& option : own) {
    const int argument = *option.argument == '\0' ? no_argument : required_argument;
    names.push_back({option.name, argument, nullptr, kOwnOption});
  }
  names.push_back({});
  DaemonOptions options;
  int index = 0;
  for (int flag; (flag = ::getopt_long(argc, argv, "c:l:d:tvh", names.data(), &index)) != -1;) {
    switch (flag) {
      case kOwnOption: options.own[names[static_cast<size_t>(index)].name] = optarg == nullptr ? "" : optarg; break;
      case 'c': options.config = optarg; break;
      case 'l': options.log_file = optarg; break;
      case 'd': options.home = fs::absolute(optarg); break;
      case 't': options.check_config = true; break;
      case 'v': std::cout << build_details(name); std::exit(0);
      case 'h': print_help(name, summary, own); std::exit(0);
      default: std::cerr << name << " -h lists the flags\n"; std::exit(2);
    }
  }
  if (optind < argc) {
    std::cerr << name << ": unexpected argument \"" << argv[optind] << "\"; " << name << " -h lists the flags\n";
    std::exit(2);
  }
  options.config = fs::absolute(options.config);
  if (!options.log_file.empty()) options.log_file = fs::absolute(options.log_file);
  return options;
}

Result<void> enter_home(const DaemonOptions& options, const char* argv0) {
  std::error_code error;
  fs::path binary = fs::read_symlink("/proc/self/exe", error);
  if (error) binary = argv0;
  const std::string home = options.home.empty() ? binary.parent_path().string() : options.home;
  if (!home.empty() && ::chdir(home.c_str()) != 0) return system_error("change to the folder", home);
  return {};
}

void print_failure(const std::string& name, const std::string& why) {
  if (log::is_in_file() || log::is_in_journal()) log::error(why);
  if (!log::is_in_journal()) std::cerr << name << ": " << why << "\n";
}

void restrict_umask() { ::umask(::umask(022) | 022); }

int print_config_check(const std::string& path, const ConfigReport& report) {
  if (log::is_in_journal()) {
    for (const std::string& error : report.errors) log::error(path, ": ", error);
    return report.ok() ? 0 : 2;
  }
  std::cerr << report.text(path);
  if (!report.ok()) return 2;
  std::cerr << path << ": good\n";
  return 0;
}

namespace {

// A daemon that was killed while it started a child may still appear to hold the lock: the child has it until its exec.
constexpr auto kLockPatience = std::chrono::seconds(2);

bool lock_now(const Fd& fd) { return ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0; }

/// Whether the lock is only shared: `./control status` shares it for an instant.
bool is_only_shared(const Fd& fd) {
  if (::flock(fd.get(), LOCK_SH | LOCK_NB) != 0) return false;
  ::flock(fd.get(), LOCK_UN);
  return true;
}

/// The pid in the file; 0 when it contains no number.
int pid_in(const std::string& path) {
  const auto text = read_file(path, 64);
  const auto pid = text ? parse_number(trim(*text)) : std::nullopt;
  return pid && *pid <= INT32_MAX ? static_cast<int>(*pid) : 0;
}

/// Whether the process runs. A zombie does not.
bool is_process(int pid) {
  if (pid <= 0 || (::kill(pid, 0) != 0 && errno != EPERM)) return false;
  const auto stat = read_file(cat("/proc/", pid, "/stat"), 4096);
  return !stat || stat->substr(stat->rfind(')') + 1).starts_with(" Z") == false;
}

/// The path of the program that a process runs, even when the file was removed or replaced; "" when it is unknown.
std::string program_of(int pid) {
  std::error_code error;
  std::string path = fs::read_symlink(cat("/proc/", pid, "/exe"), error);
  constexpr std::string_view kGone = " (deleted)";
  if (path.ends_with(kGone)) path.resize(path.size() - kGone.size());
  return path;
}

/// The error when the unlocked pid file names a daemon that works in the folder `home`; "" otherwise.
std::string unlocked_daemon(const std::string& path, const std::string& home) {
  const int pid = pid_in(path);
  // In a container, a restarted daemon often gets the same pid. Its parent is the ops-updater that reaps orphans there.
  if (pid <= 0 || pid == ::getpid() || pid == ::getppid()) return {};
  const std::string program = program_of(pid);
  const std::string name = fs::path(program).filename();
  std::error_code error;
  const bool is_ours = name.starts_with("ops-meta") || name.starts_with("ops-updater");
  if (!is_ours || !fs::equivalent(cat("/proc/", pid, "/cwd"), home, error)) return {};
  return cat(program, ", pid ", pid, ", runs in this folder (its pid is in ", path, "). It does not lock that file: it may be ",
             "the Go original. To replace it: kill ", pid, "; ./control start");
}

}  // namespace

Result<PidFile> PidFile::lock(const std::string& path) {
  const std::string home = fs::absolute(path).parent_path().parent_path();
  if (auto made = make_directories(fs::path(path).parent_path()); !made) return made.error();
  // Mode 0600: a user who can open the file can lock it and prevent a start.
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file || ::fchmod(file.get(), 0600) != 0) return system_error("open", path);
  Fd folder(::open(home.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return system_error("open", home);
  for (const auto deadline = std::chrono::steady_clock::now() + kLockPatience;;) {
    const bool has_file = lock_now(file);
    if (has_file && lock_now(folder)) break;
    if (errno != EWOULDBLOCK && errno != EINTR) return system_error("lock", has_file ? home : path);
    const int holder = has_file ? 0 : pid_in(path);
    const bool is_over = std::chrono::steady_clock::now() > deadline;
    if (has_file && is_over) {
      return Error{
          cat("runs already in ", home, ", but its ", path, " was removed: find its pid with pgrep, and stop it with kill")};
    }
    if (!has_file && (is_over || (is_process(holder) && !is_only_shared(file)))) {
      return Error{
          cat("runs already, pid ", holder == 0 ? "not known yet: it is starting" : cat(holder), " (it locks ", path, ")")};
    }
    std::this_thread::sleep_for(milliseconds(5));
  }
  if (const std::string other = unlocked_daemon(path, home); !other.empty()) return Error{other};
  // The file keeps its block on the disk: on a full disk, an empty one would get none for the pid.
  if (::pwrite(file.get(), "\n", 1, 0) != 1) return system_error("write", path);
  if (::ftruncate(file.get(), 1) != 0) return system_error("truncate", path);
  return PidFile(std::move(file), std::move(folder), path);
}

Result<void> PidFile::announce_ready() const {
  if (auto written = write_all(file_.get(), cat(::getpid(), "\n"), path_); !written) return written;
  notify_systemd("READY=1");
  return {};
}

Signals::Signals() {
  sigemptyset(&set_);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, kWakeSignal}) sigaddset(&set_, signal);
  ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  // nohup sets SIGHUP to ignored. The kernel drops an ignored signal even when it is blocked.
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, kWakeSignal}) std::signal(signal, SIG_DFL);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGCHLD, SIG_DFL);  // if a parent ignores it, the kernel reaps children before this process can wait for them
}

Signals::Event Signals::wait(std::optional<milliseconds> patience) const {
  const auto deadline = std::chrono::steady_clock::now() + patience.value_or(milliseconds(0));
  for (;;) {
    int signal = 0;
    if (patience) {
      const auto left = std::max(deadline - std::chrono::steady_clock::now(), std::chrono::steady_clock::duration(0));
      const auto nanoseconds = std::chrono::nanoseconds(left).count();
      const timespec limit{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
      signal = ::sigtimedwait(&set_, nullptr, &limit);
    } else {
      signal = ::sigwaitinfo(&set_, nullptr);
    }
    switch (signal) {
      case SIGTERM:
      case SIGINT: return Event::stop;
      case SIGHUP: return Event::reload;
      case kWakeSignal: return Event::wake;
      default:
        if (errno == EAGAIN) return Event::timeout;  // else EINTR: wait again
    }
  }
}

void Signals::wake() { ::kill(::getpid(), kWakeSignal); }

void keep_memory_flat() {
  // By default malloc raises both thresholds when a large block is freed. Setting one turns that off.
  constexpr int kThreshold = 128 << 10;
  ::mallopt(M_MMAP_THRESHOLD, kThreshold);
  ::mallopt(M_TRIM_THRESHOLD, kThreshold);
  ::mallopt(M_ARENA_MAX, 2);  // the default is 8 for each core
}

void notify_systemd(const std::string& state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const size_t length = std::strlen(path);
  if (length >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';  // an abstract socket
  const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size);
}

}  // namespace ops
