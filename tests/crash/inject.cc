// Runs a program, and lets one of its system calls be its last, or fail:
//
//   inject FAULT N REPORT PROGRAM ARGUMENT...
//
// FAULT is kill, short or the name of an error in the table below. Of the system calls that it can strike, those of all threads
// together are counted in the order in which they are made, from the first one after exec; it strikes the N-th. kill ends the
// program just before that call does anything; an error is returned in the call's stead; short halves the bytes that are asked
// for. With N = 0 nothing is struck. SIGHUP, SIGTERM and SIGABRT are passed on to the program. At the end REPORT holds
// "struck " and the call, if there was one, and a line "FAULT COUNT" for every fault.
//
// strace -f --inject would not do. It counts `when=` for each thread on its own, so that the N-th call of a program with
// short-lived threads is not a number; and -f strikes every child, the agents included, while without it new threads are not
// seen. PTRACE_O_TRACECLONE alone takes the threads and leaves the children: posix_spawn's clone counts as a vfork.

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <string>

namespace {

struct Fault {
  const char* name;
  unsigned bit;
  int error;
};

enum : unsigned { kKill = 1, kNoSpace = 2, kIo = 4, kTooMany = 8, kShort = 16 };

constexpr Fault kFaults[] = {
    {"kill", kKill, 0}, {"ENOSPC", kNoSpace, ENOSPC}, {"EIO", kIo, EIO}, {"EMFILE", kTooMany, EMFILE}, {"short", kShort, 0}};

enum class Shows { nothing, path, second_path, descriptor };  // what the call's argument tells about it

struct Call {
  long number;
  const char* name;
  unsigned faults;
  Shows shows = Shows::nothing;
};

/// Every call that deals with files, processes or the network. Not memory, locks, clocks, signal masks and waiting: between two
/// calls of this table the world outside looks the same, so that death there is death here.
constexpr Call kCalls[] = {
    {SYS_open, "open", kKill | kNoSpace | kIo | kTooMany, Shows::path},
    {SYS_stat, "stat", kKill | kIo, Shows::path},
    {SYS_lstat, "lstat", kKill | kIo, Shows::path},
    {SYS_access, "access", kKill | kIo, Shows::path},
    {SYS_mkdir, "mkdir", kKill | kNoSpace | kIo, Shows::path},
    {SYS_rmdir, "rmdir", kKill | kIo, Shows::path},
    {SYS_rename, "rename", kKill | kNoSpace | kIo, Shows::path},
    {SYS_link, "link", kKill | kNoSpace | kIo, Shows::path},
    {SYS_unlink, "unlink", kKill | kIo, Shows::path},
    {SYS_symlink, "symlink", kKill | kNoSpace | kIo, Shows::path},
    {SYS_readlink, "readlink", kKill | kIo, Shows::path},
    {SYS_chmod, "chmod", kKill | kIo, Shows::path},
    {SYS_pipe, "pipe", kKill | kTooMany},
    {SYS_dup2, "dup2", kKill, Shows::descriptor},
    {SYS_getdents, "getdents", kKill | kIo, Shows::descriptor},
    {SYS_fork, "fork", kKill},
    {SYS_vfork, "vfork", kKill},
    {SYS_openat, "openat", kKill | kNoSpace | kIo | kTooMany, Shows::second_path},
    {SYS_newfstatat, "newfstatat", kKill | kIo, Shows::second_path},
    {SYS_statx, "statx", kKill | kIo, Shows::second_path},
    {SYS_statfs, "statfs", kKill | kIo, Shows::path},
    {SYS_fstatfs, "fstatfs", kKill | kIo, Shows::descriptor},
    {SYS_faccessat, "faccessat", kKill | kIo, Shows::second_path},
    {SYS_faccessat2, "faccessat2", kKill | kIo, Shows::second_path},
    {SYS_mkdirat, "mkdirat", kKill | kNoSpace | kIo, Shows::second_path},
    {SYS_renameat, "renameat", kKill | kNoSpace | kIo, Shows::second_path},
    {SYS_renameat2, "renameat2", kKill | kNoSpace | kIo, Shows::second_path},
    {SYS_linkat, "linkat", kKill | kNoSpace | kIo, Shows::second_path},
    {SYS_unlinkat, "unlinkat", kKill | kIo, Shows::second_path},
    {SYS_symlinkat, "symlinkat", kKill | kNoSpace | kIo, Shows::path},
    {SYS_readlinkat, "readlinkat", kKill | kIo, Shows::second_path},
    {SYS_fchmodat, "fchmodat", kKill | kIo, Shows::second_path},
    {SYS_utimensat, "utimensat", kKill | kIo, Shows::second_path},
    {SYS_chdir, "chdir", kKill | kIo, Shows::path},
    {SYS_getcwd, "getcwd", kKill},
    {SYS_read, "read", kKill | kIo | kShort, Shows::descriptor},
    {SYS_pread64, "pread64", kKill | kIo | kShort, Shows::descriptor},
    {SYS_readv, "readv", kKill | kIo, Shows::descriptor},
    {SYS_write, "write", kKill | kNoSpace | kIo | kShort, Shows::descriptor},
    {SYS_pwrite64, "pwrite64", kKill | kNoSpace | kIo | kShort, Shows::descriptor},
    {SYS_writev, "writev", kKill | kNoSpace | kIo, Shows::descriptor},
    {SYS_lseek, "lseek", kKill | kIo, Shows::descriptor},
    {SYS_fstat, "fstat", kKill | kIo, Shows::descriptor},
    {SYS_fsync, "fsync", kKill | kNoSpace | kIo, Shows::descriptor},
    {SYS_fdatasync, "fdatasync", kKill | kNoSpace | kIo, Shows::descriptor},
    {SYS_ftruncate, "ftruncate", kKill | kNoSpace | kIo, Shows::descriptor},
    {SYS_fallocate, "fallocate", kKill | kNoSpace | kIo, Shows::descriptor},
    {SYS_fchmod, "fchmod", kKill | kIo, Shows::descriptor},
    {SYS_getdents64, "getdents64", kKill | kIo, Shows::descriptor},
    {SYS_flock, "flock", kKill | kIo, Shows::descriptor},
    {SYS_fcntl, "fcntl", kKill, Shows::descriptor},
    {SYS_close, "close", kKill, Shows::descriptor},  // closes whatever it returns, so no error stands in its stead
    {SYS_dup, "dup", kKill | kTooMany, Shows::descriptor},
    {SYS_dup3, "dup3", kKill, Shows::descriptor},
    {SYS_pipe2, "pipe2", kKill | kTooMany},
    {SYS_eventfd2, "eventfd2", kKill | kTooMany},
    {SYS_epoll_create1, "epoll_create1", kKill | kTooMany},
    {SYS_socket, "socket", kKill | kTooMany},
    {SYS_socketpair, "socketpair", kKill | kTooMany},
    {SYS_connect, "connect", kKill, Shows::descriptor},
    {SYS_bind, "bind", kKill, Shows::descriptor},
    {SYS_listen, "listen", kKill, Shows::descriptor},
    {SYS_accept, "accept", kKill | kTooMany, Shows::descriptor},
    {SYS_accept4, "accept4", kKill | kTooMany, Shows::descriptor},
    {SYS_getsockname, "getsockname", kKill, Shows::descriptor},
    {SYS_getpeername, "getpeername", kKill, Shows::descriptor},
    {SYS_setsockopt, "setsockopt", kKill, Shows::descriptor},
    {SYS_getsockopt, "getsockopt", kKill, Shows::descriptor},
    {SYS_shutdown, "shutdown", kKill, Shows::descriptor},
    {SYS_sendto, "sendto", kKill | kIo | kShort, Shows::descriptor},
    {SYS_recvfrom, "recvfrom", kKill | kIo | kShort, Shows::descriptor},
    {SYS_sendmsg, "sendmsg", kKill | kIo, Shows::descriptor},
    {SYS_recvmsg, "recvmsg", kKill | kIo, Shows::descriptor},
    {SYS_clone, "clone", kKill},
    {SYS_clone3, "clone3", kKill},
    {SYS_wait4, "wait4", kKill},
    {SYS_waitid, "waitid", kKill},
    {SYS_kill, "kill", kKill},
    {SYS_pidfd_open, "pidfd_open", kKill | kTooMany},
    {SYS_exit_group, "exit_group", kKill},
};

const Call* find_call(uint64_t number) {
  for (const Call& call : kCalls) {
    if (static_cast<uint64_t>(call.number) == number) return &call;
  }
  return nullptr;
}

[[noreturn]] void give_up(const std::string& why) {
  std::cerr << "inject: " << why << ": " << std::strerror(errno) << "\n";
  std::exit(125);
}

std::string text_at(pid_t thread, uint64_t address) {
  char text[256] = {};
  const iovec here{text, sizeof text - 1};
  const iovec there{reinterpret_cast<void*>(address), sizeof text - 1};
  if (::process_vm_readv(thread, &here, 1, &there, 1, 0) < 0) return "?";
  return text;
}

/// The path that the call is about, or "pipe:[…]", "socket:[…]" and the like; "" when it is about none.
std::string subject(pid_t thread, const Call& call, const uint64_t* arguments) {
  if (call.shows == Shows::path) return text_at(thread, arguments[0]);
  if (call.shows == Shows::second_path) return text_at(thread, arguments[1]);
  if (call.shows != Shows::descriptor) return "";
  char path[512] = {};
  const std::string link = "/proc/" + std::to_string(thread) + "/fd/" + std::to_string(arguments[0]);
  return ::readlink(link.c_str(), path, sizeof path - 1) < 0 ? "" : path;
}

/// Whether the call could end so in earnest: a pipe is never full like a disk, nor is a disk for one who only reads.
bool is_plausible(const Fault& fault, const Call& call, const uint64_t* arguments, const std::string& about) {
  if ((call.faults & fault.bit) == 0) return false;
  if (fault.bit == kShort) return arguments[2] > 1;
  if (fault.bit == kNoSpace && call.number == SYS_openat) return (arguments[2] & O_CREAT) != 0;
  if (fault.bit == kNoSpace && call.number == SYS_open) return (arguments[1] & O_CREAT) != 0;
  const bool is_of_disk = about.find(":[") == std::string::npos && about.find("anon_inode:") == std::string::npos;
  return is_of_disk || (fault.bit != kNoSpace && fault.bit != kIo);
}

class Tracer {
 public:
  Tracer(pid_t program, const Fault& fault, unsigned long strike_at)
      : program_(program), fault_(fault), strike_at_(strike_at) {}

  /// The program's wait status.
  int run() {
    int status = 0;
    ::waitpid(program_, &status, 0);  // its own SIGSTOP
    constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    if (::ptrace(PTRACE_SETOPTIONS, program_, nullptr, kOptions) != 0) give_up("PTRACE_SETOPTIONS");
    go_on(program_, 0);
    for (;;) {
      const pid_t thread = ::waitpid(-1, &status, __WALL);
      if (thread < 0 && errno == EINTR) continue;
      if (thread < 0) give_up("waitpid");
      if (!WIFSTOPPED(status)) {
        if (thread == program_) return status;
        continue;
      }
      go_on(thread, handle_stop(thread, status));
    }
  }

  void write_report(const std::string& path) const {
    std::ofstream report(path);
    if (!struck_.empty()) report << "struck " << struck_ << "\n";
    for (const Fault& fault : kFaults) report << fault.name << " " << counts_.at(fault.bit) << "\n";
  }

 private:
  static void go_on(pid_t thread, int signal) { ::ptrace(PTRACE_SYSCALL, thread, nullptr, static_cast<long>(signal)); }

  /// The signal to go on with.
  int handle_stop(pid_t thread, int status) {
    const int event = status >> 16;
    if (event == PTRACE_EVENT_EXEC) in_program_ = true;
    if (event != 0) return 0;
    if (WSTOPSIG(status) == SIGSTOP) return 0;  // a new thread's first stop
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) return WSTOPSIG(status);
    __ptrace_syscall_info info{};
    if (::ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0) return 0;
    if (info.op == PTRACE_SYSCALL_INFO_EXIT) mend_at_exit(thread);
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY && in_program_) count(thread, info.entry.nr, info.entry.args);
    return 0;
  }

  void count(pid_t thread, uint64_t number, const uint64_t* arguments) {
    const Call* call = find_call(number);
    if (call == nullptr) return;
    const std::string about = subject(thread, *call, arguments);
    if (about.starts_with("/proc/")) return;  // as many as the machine has processes
    for (const Fault& fault : kFaults) {
      if (!is_plausible(fault, *call, arguments, about)) continue;
      const unsigned long n = ++counts_[fault.bit];
      if (fault.bit != fault_.bit || n != strike_at_) continue;
      struck_ = call->name + (" " + about);
      strike(thread, arguments);
    }
  }

  void strike(pid_t thread, const uint64_t* arguments) {
    if (fault_.bit == kKill) {
      ::kill(program_, SIGKILL);
    } else if (fault_.bit == kShort) {
      mended_[thread] = {offsetof(user_regs_struct, rdx), arguments[2]};
      poke(thread, offsetof(user_regs_struct, rdx), arguments[2] / 2);
    } else {
      mended_[thread] = {offsetof(user_regs_struct, rax), static_cast<uint64_t>(-fault_.error)};
      poke(thread, offsetof(user_regs_struct, orig_rax), ~uint64_t{0});  // no such call: nothing happens
    }
  }

  /// Sets the error of a call that was not made, or the size register that a short one must get back.
  void mend_at_exit(pid_t thread) {
    const auto found = mended_.find(thread);
    if (found == mended_.end()) return;
    poke(thread, found->second.first, found->second.second);
    mended_.erase(found);
  }

  static void poke(pid_t thread, size_t offset, uint64_t value) {
    if (::ptrace(PTRACE_POKEUSER, thread, offset, value) != 0) give_up("PTRACE_POKEUSER");
  }

  const pid_t program_;
  const Fault fault_;
  const unsigned long strike_at_;
  bool in_program_ = false;
  std::map<unsigned, unsigned long> counts_{{kKill, 0}, {kNoSpace, 0}, {kIo, 0}, {kTooMany, 0}, {kShort, 0}};
  std::map<pid_t, std::pair<size_t, uint64_t>> mended_;
  std::string struck_;
};

pid_t forward_to = -1;

void forward(int number) {
  if (forward_to > 1) ::kill(forward_to, number);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::cerr << "usage: inject FAULT N REPORT PROGRAM ARGUMENT...\n";
    return 125;
  }
  const Fault* fault = nullptr;
  for (const Fault& known : kFaults) {
    if (std::strcmp(known.name, argv[1]) == 0) fault = &known;
  }
  if (fault == nullptr) give_up(std::string("no such fault: ") + argv[1]);
  const pid_t program = ::fork();
  if (program == 0) {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
    ::execv(argv[4], argv + 4);
    give_up(std::string("exec ") + argv[4]);
  }
  if (program < 0) give_up("fork");
  forward_to = program;
  for (const int number : {SIGHUP, SIGTERM, SIGABRT}) ::signal(number, forward);
  Tracer tracer(program, *fault, std::strtoul(argv[2], nullptr, 10));
  const int status = tracer.run();
  tracer.write_report(argv[3]);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
