// Runs a program and injects one fault into one of its system calls:
//
//   inject FAULT N REPORT PROGRAM ARGUMENT...
//
// FAULT is kill, short, or the name of an error in kFaults. inject counts the system calls of all threads that can have this
// fault, in the order in which the threads make them, from the first call after exec. The N-th of these calls gets the fault:
//   - kill: SIGKILL before the call has an effect;
//   - an error: the call is not made and returns the error;
//   - short: the call gets half of its byte count.
// With N = 0 no call gets a fault. inject passes SIGHUP, SIGTERM and SIGABRT on to the program. REPORT holds the line
// "injected CALL" if a call had the fault, and a line "FAULT COUNT" for every fault.
//
// strace -f --inject does not do this. It counts `when=` per thread, so the N-th call of a program with short-lived threads is
// not well defined. With -f it also traces the child processes, which are the agents; without -f it does not trace new threads.
// PTRACE_O_TRACECLONE alone traces the threads and not the children, because the clone of posix_spawn counts as a vfork.

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
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

#include "tests/crash/syscalls.h"

#ifndef __x86_64__
#error "inject changes registers of x86-64 only: for another architecture, port Tracer::inject() and the table in syscalls.h"
#endif

namespace {

using namespace ops::tests;

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

/// The path of the call's object, or "pipe:[…]", "socket:[…]" and similar; "" when the call has no such object.
std::string subject(pid_t thread, const Call& call, const uint64_t* arguments) {
  if (call.shows == Shows::path) return text_at(thread, arguments[0]);
  if (call.shows == Shows::second_path) return text_at(thread, arguments[1]);
  if (call.shows != Shows::descriptor) return "";
  char path[512] = {};
  const std::string link = "/proc/" + std::to_string(thread) + "/fd/" + std::to_string(arguments[0]);
  return ::readlink(link.c_str(), path, sizeof path - 1) < 0 ? "" : path;
}

/// Whether the kernel could return this fault: a pipe has no ENOSPC, and neither has an open() that creates no file.
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
  Tracer(pid_t program, const Fault& fault, unsigned long inject_at)
      : program_(program), fault_(fault), inject_at_(inject_at) {}

  /// Runs the program until it exits. Returns its wait status.
  int run() {
    int status = 0;
    ::waitpid(program_, &status, 0);  // the SIGSTOP that the child raises before exec
    constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    if (::ptrace(PTRACE_SETOPTIONS, program_, nullptr, kOptions) != 0) give_up("PTRACE_SETOPTIONS");
    resume(program_, 0);
    for (;;) {
      const pid_t thread = ::waitpid(-1, &status, __WALL);
      if (thread < 0 && errno == EINTR) continue;
      if (thread < 0) give_up("waitpid");
      if (!WIFSTOPPED(status)) {
        if (thread == program_) return status;
        continue;
      }
      resume(thread, handle_stop(thread, status));
    }
  }

  void write_report(const std::string& path) const {
    std::ofstream report(path);
    if (!injected_.empty()) report << "injected " << injected_ << "\n";
    for (const Fault& fault : kFaults) report << fault.name << " " << counts_.at(fault.bit) << "\n";
  }

 private:
  static void resume(pid_t thread, int signal) { ::ptrace(PTRACE_SYSCALL, thread, nullptr, static_cast<long>(signal)); }

  /// Handles a ptrace stop. Returns the signal to deliver to the thread; 0 for none.
  int handle_stop(pid_t thread, int status) {
    const int event = status >> 16;
    if (event == PTRACE_EVENT_EXEC) in_program_ = true;
    if (event != 0) return 0;
    if (WSTOPSIG(status) == SIGSTOP) return 0;  // a new thread's first stop
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) return WSTOPSIG(status);
    __ptrace_syscall_info info{};
    if (::ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0) return 0;
    if (info.op == PTRACE_SYSCALL_INFO_EXIT) fix_registers(thread);
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY && in_program_) count(thread, info.entry.nr, info.entry.args);
    return 0;
  }

  void count(pid_t thread, uint64_t number, const uint64_t* arguments) {
    const Call* call = find_call(number);
    if (call == nullptr) return;
    const std::string about = subject(thread, *call, arguments);
    if (about.starts_with("/proc/")) return;  // their number depends on the machine's processes
    for (const Fault& fault : kFaults) {
      if (!is_plausible(fault, *call, arguments, about)) continue;
      const unsigned long n = ++counts_[fault.bit];
      if (fault.bit != fault_.bit || n != inject_at_) continue;
      injected_ = call->name + (" " + about);
      inject(thread, arguments);
    }
  }

  void inject(pid_t thread, const uint64_t* arguments) {
    if (fault_.bit == kKill) {
      ::kill(program_, SIGKILL);
    } else if (fault_.bit == kShort) {
      mended_[thread] = {offsetof(user_regs_struct, rdx), arguments[2]};
      poke(thread, offsetof(user_regs_struct, rdx), arguments[2] / 2);
    } else {
      mended_[thread] = {offsetof(user_regs_struct, rax), static_cast<uint64_t>(-fault_.error)};
      poke(thread, offsetof(user_regs_struct, orig_rax), ~uint64_t{0});  // an invalid call number: the kernel does nothing
    }
  }

  /// At the exit of a changed call: sets the error as its result, or restores the register with the byte count.
  void fix_registers(pid_t thread) {
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
  const unsigned long inject_at_;
  bool in_program_ = false;
  std::map<unsigned, unsigned long> counts_{{kKill, 0}, {kNoSpace, 0}, {kIo, 0}, {kTooMany, 0}, {kShort, 0}};
  std::map<pid_t, std::pair<size_t, uint64_t>> mended_;
  std::string injected_;
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
