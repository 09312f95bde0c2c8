// Runs a program with a wall clock that is wrong:
//
//   with_clock FILE PROGRAM ARGUMENT...
//
// FILE contains the seconds by which the clock is ahead, or "-SECONDS" when it is behind. with_clock reads it for each call, so
// that a test steps the clock when it writes the file. The other clocks are not changed. SIGHUP and SIGTERM are passed on.
//
// The daemons are static, so no preloaded library can do this, and a time namespace shifts the clocks without steps only. A
// seccomp filter hands the system calls that read the wall clock to with_clock, which answers them. The program must make these
// calls: with_clock hides the vDSO from it, whose address is in the auxiliary vector. Programs that it starts have the vDSO,
// and see the true time.

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

namespace {

constexpr int kListener = 500;  // the filter's descriptor in the child
volatile pid_t child = -1;

[[noreturn]] void give_up(const std::string& why) {
  std::cerr << "with_clock: " << why << ": " << std::strerror(errno) << "\n";
  std::_Exit(125);
}

/// Hands the calls that read the wall clock to the owner of the descriptor that it returns.
int install_filter() {
  constexpr auto offset_of_clock = static_cast<uint32_t>(offsetof(seccomp_data, args));
  std::vector<sock_filter> code = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  const auto notify = [&code](uint32_t number) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
    code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
  };
  notify(SYS_gettimeofday);
#ifdef SYS_time
  notify(SYS_time);
#endif
  code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 1, 0));
  code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  code.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset_of_clock));
  notify(CLOCK_REALTIME);
  notify(CLOCK_REALTIME_COARSE);
  code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program{static_cast<uint16_t>(code.size()), code.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) give_up("PR_SET_NO_NEW_PRIVS");
  return static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

[[noreturn]] void become(char** command) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int listener = install_filter();
  if (listener < 0) give_up("seccomp");
  if (::dup3(listener, kListener, O_CLOEXEC) < 0) give_up("dup3");
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) give_up("PTRACE_TRACEME");
  ::raise(SIGSTOP);
  ::execv(command[0], command);
  give_up(command[0]);
}

/// Waits until the child stops: before its exec, then after it.
void wait_for_stop() {
  int status = 0;
  if (::waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) give_up("the program did not start");
}

uint64_t word_at(int memory, uint64_t address) {
  uint64_t word = 0;
  if (::pread(memory, &word, sizeof word, static_cast<off_t>(address)) != sizeof word) give_up("read the stack");
  return word;
}

/// Where the argument count is after an exec: field 28 of /proc/PID/stat.
uint64_t start_of_stack(const std::string& proc) {
  std::ifstream file(proc + "/stat");
  std::string text;
  std::getline(file, text);
  size_t at = text.rfind(')');
  for (int field = 2; field < 28; ++field) at = text.find(' ', at + 1);
  return std::stoull(text.substr(at + 1));
}

/// The stack holds: argument count, arguments, 0, environment, 0, pairs of the auxiliary vector.
void hide_vdso() {
  const std::string proc = "/proc/" + std::to_string(child);
  const int memory = ::open((proc + "/mem").c_str(), O_RDWR | O_CLOEXEC);
  if (memory < 0) give_up(proc + "/mem");
  uint64_t at = start_of_stack(proc);
  at += 8 * (word_at(memory, at) + 2);
  while (word_at(memory, at) != 0) at += 8;
  for (at += 8; word_at(memory, at) != AT_NULL; at += 16) {
    constexpr uint64_t kIgnore = AT_IGNORE;
    if (word_at(memory, at) != AT_SYSINFO_EHDR) continue;
    if (::pwrite(memory, &kIgnore, sizeof kIgnore, static_cast<off_t>(at)) != sizeof kIgnore) give_up("write the stack");
  }
  ::close(memory);
}

int64_t seconds_ahead(const char* file) {
  int64_t seconds = 0;
  std::ifstream(file) >> seconds;
  return seconds;
}

/// Answers a call. One whose thread has ended meanwhile needs no answer.
void answer(int listener, const char* file) {
  seccomp_notif call{};
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) return;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  now.tv_sec += seconds_ahead(file);
  timeval in_micros{now.tv_sec, now.tv_nsec / 1000};
  const bool is_clock = call.data.nr == SYS_clock_gettime;
  const bool is_day = call.data.nr == SYS_gettimeofday;
  void* value = is_clock ? static_cast<void*>(&now) : is_day ? static_cast<void*>(&in_micros) : &now.tv_sec;
  const size_t size = is_clock ? sizeof now : is_day ? sizeof in_micros : sizeof now.tv_sec;
  const iovec here{value, size};
  const iovec there{reinterpret_cast<void*>(call.data.args[is_clock ? 1 : 0]), size};
  seccomp_notif_resp reply{};
  reply.id = call.id;
  if (!is_clock && !is_day) reply.val = now.tv_sec;
  const auto pid = static_cast<pid_t>(call.pid);
  if (there.iov_base != nullptr && ::process_vm_writev(pid, &here, 1, &there, 1, 0) < 0) reply.error = -EFAULT;
  ::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &reply);
}

void pass_on(int number) { ::kill(child, number); }

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: with_clock FILE PROGRAM ARGUMENT...\n";
    return 125;
  }
  child = ::fork();
  if (child == 0) become(argv + 2);
  if (child < 0) give_up("fork");
  for (const int number : {SIGHUP, SIGTERM}) ::signal(number, pass_on);
  wait_for_stop();
  const int process = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  const int listener = static_cast<int>(::syscall(SYS_pidfd_getfd, process, kListener, 0));
  if (listener < 0) give_up("pidfd_getfd");
  constexpr long kOptions = PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
  if (::ptrace(PTRACE_SETOPTIONS, child, nullptr, kOptions) != 0) give_up("PTRACE_SETOPTIONS");
  ::ptrace(PTRACE_CONT, child, nullptr, nullptr);
  wait_for_stop();
  hide_vdso();
  ::ptrace(PTRACE_DETACH, child, nullptr, nullptr);

  pollfd events[] = {{listener, POLLIN, 0}, {process, POLLIN, 0}};
  for (;;) {
    if (::poll(events, 2, -1) < 0 && errno != EINTR) give_up("poll");
    if ((events[0].revents & POLLIN) != 0) answer(listener, argv[1]);
    int status = 0;
    if ((events[1].revents & POLLIN) == 0 || ::waitpid(child, &status, WNOHANG) != child) continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
}
