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
constexpr int kOwnOption = 1000;  // no letter

void print_help(const std::string& name, const std::string& summary, const std::vector<LongOption>& own) {
  std::cout << name << " " << version() << ": " << summary << "\n\n"
            << "usage: " << name << " [-c FILE] [-l FILE] [-t | -v | -h]\n"
            << "  -c FILE   the config (cfg.json in the current folder)\n"
            << "  -l FILE   log to FILE, which is rotated, instead of to stderr\n"
            << "  -t        check the config, say what is wrong with it, and exit: 0 good, 2 bad\n"
            << "  -v        print the version, the commit, and the libraries that are linked in\n"
            << "  -h        print this\n";
  for (const LongOption& option : own) {
    std::cout << "  --" << option.name << (*option.argument == '\0' ? "" : " ") << option.argument << "\n            "
              << option.help << "\n";
  }
  std::cout << "\n"
            << "example: ./" << name << " -t -c cfg.json && ./" << name << " -c cfg.json -l var/app.log\n"
            << "./control start runs it in the background. SIGHUP reloads the config, SIGTERM stops it.\n";
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
  for (int flag; (flag = ::getopt_long(argc, argv, "c:l:tvh", names.data(), &index)) != -1;) {
    switch (flag) {
      case kOwnOption: options.own[names[static_cast<size_t>(index)].name] = optarg == nullptr ? "" : optarg; break;
      case 'c': options.config = optarg; break;
      case 'l': options.log_file = optarg; break;
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

Result<void> enter_home(const char* argv0) {
  std::error_code error;
  fs::path binary = fs::read_symlink("/proc/self/exe", error);
  if (error) binary = argv0;
  if (!binary.has_parent_path()) return {};
  if (::chdir(binary.parent_path().c_str()) != 0) return system_error("change to the folder", binary.parent_path().string());
  return {};
}

void restrict_umask() { ::umask(::umask(022) | 022); }

int print_config_check(const std::string& path, const ConfigReport& report) {
  std::cerr << report.text(path);
  if (!report.ok()) return 2;
  std::cerr << path << ": good\n";
  return 0;
}

namespace {

// Not every lock is a daemon's that runs: one that was killed has it until a child that it was just starting is another
// program.
constexpr auto kLockPatience = std::chrono::seconds(2);

bool lock_now(const Fd& fd) { return ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0; }

/// `./control status` shares the lock for an instant.
bool is_only_shared(const Fd& fd) {
  if (::flock(fd.get(), LOCK_SH | LOCK_NB) != 0) return false;
  ::flock(fd.get(), LOCK_UN);
  return true;
}

std::string pid_in(const std::string& path) {
  const auto text = read_file(path, 64);
  return text ? std::string(trim(*text)) : "";
}

bool is_process(const std::string& pid) {
  const int number = std::atoi(pid.c_str());
  return number > 0 && (::kill(number, 0) == 0 || errno == EPERM);
}

/// The program that a process runs, whatever lies at its path now; "" when there is none, or it can't be seen.
std::string program_of(int pid) {
  std::error_code error;
  std::string path = fs::read_symlink(cat("/proc/", pid, "/exe"), error);
  constexpr std::string_view kGone = " (deleted)";
  if (path.ends_with(kGone)) path.resize(path.size() - kGone.size());
  return path;
}

/// Why the daemon must not start, when the process that the unlocked pid file names is one that works here; "" when it is none.
std::string unlocked_daemon(const std::string& path, const std::string& home) {
  const int pid = std::atoi(pid_in(path).c_str());
  if (pid <= 0 || pid == ::getpid()) return {};  // in a container, daemons have the same pid again and again
  const std::string program = program_of(pid);
  const std::string name = fs::path(program).filename();
  std::error_code error;
  const bool is_ours = name.starts_with("ops-meta") || name.starts_with("ops-updater");
  if (!is_ours || !fs::equivalent(cat("/proc/", pid, "/cwd"), home, error)) return {};
  return cat(program, ", pid ", pid, ", runs in this folder: ", path, " names it, and it does not lock that file, as the Go ",
             "original does not. To replace it: kill ", pid, "; ./control start");
}

}  // namespace

Result<PidFile> PidFile::lock(const std::string& path) {
  const std::string home = fs::absolute(path).parent_path().parent_path();
  if (auto made = make_directories(fs::path(path).parent_path()); !made) return made.error();
  // Whoever can open it can lock it, and so keep the daemon from starting.
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file || ::fchmod(file.get(), 0600) != 0) return system_error("open", path);
  Fd folder(::open(home.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return system_error("open", home);
  for (const auto deadline = std::chrono::steady_clock::now() + kLockPatience;;) {
    const bool has_file = lock_now(file);
    if (has_file && lock_now(folder)) break;
    if (errno != EWOULDBLOCK && errno != EINTR) return system_error("lock", has_file ? home : path);
    const std::string holder = has_file ? "" : pid_in(path);
    const bool is_over = std::chrono::steady_clock::now() > deadline;
    if (has_file && is_over) {
      return Error{
          cat("runs already in ", home, ", though its ", path, " was removed: find it by its name, and stop it by hand")};
    }
    if (!has_file && (is_over || (is_process(holder) && !is_only_shared(file)))) {
      return Error{
          cat("runs already, pid ", holder.empty() ? "not known yet, it is starting" : holder, " (it holds ", path, ")")};
    }
    std::this_thread::sleep_for(milliseconds(5));
  }
  if (const std::string other = unlocked_daemon(path, home); !other.empty()) return Error{other};
  if (::ftruncate(file.get(), 0) != 0) return system_error("truncate", path);
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
  // Under nohup, SIGHUP came ignored, and what is ignored is not even kept for wait().
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, kWakeSignal}) std::signal(signal, SIG_DFL);
  std::signal(SIGPIPE, SIG_IGN);
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
        if (errno == EAGAIN) return Event::timeout;  // else EINTR, by a debugger say
    }
  }
}

void Signals::wake() { ::kill(::getpid(), kWakeSignal); }

void keep_memory_flat() {
  // Setting a threshold also ends its growing with every large block that is freed, up to 64 MB for each arena.
  constexpr int kThreshold = 128 << 10;
  ::mallopt(M_MMAP_THRESHOLD, kThreshold);
  ::mallopt(M_TRIM_THRESHOLD, kThreshold);
  ::mallopt(M_ARENA_MAX, 2);  // not 8 for each core
}

void notify_systemd(const std::string& state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const size_t length = std::strlen(path);
  if (length >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';  // systemd's spelling of an abstract socket
  const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size);
}

}  // namespace ops
