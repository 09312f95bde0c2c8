#pragma once

// Programs as tests run them.

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace ops::tests {

struct Finished {
  int exit_code = -1;  // 128 + N after signal N, as a shell says it; -1 when it was killed at the deadline
  std::string output;  // stdout and stderr
};

/// Runs a program to its end, in `folder` unless that is "". A path without a slash is looked up in $PATH.
Finished run(const std::vector<std::string>& command, const std::string& folder = "",
             std::chrono::seconds deadline = std::chrono::seconds(60));

/// A program in the background, ended with SIGKILL at the end of the test at the latest.
class Process {
 public:
  Process() = default;
  Process(const std::vector<std::string>& command, const std::string& folder, const std::string& output_file);
  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;

  pid_t pid() const { return pid_; }
  bool is_running();
  void signal(int number) const;

  /// Waits for its end; the exit code as in Finished, or -1 when it still runs at the deadline.
  int wait(std::chrono::seconds deadline = std::chrono::seconds(60));

  /// SIGTERM, and waits.
  int stop();
  /// SIGKILL, and waits.
  void kill();

 private:
  pid_t pid_ = -1;
  int exit_code_ = -1;
};

/// kill(2) for one process. A pid that is none fails the test: to kill(2), -1 is every process of the machine.
void send_signal(pid_t pid, int number);

/// Whether a process of this pid exists and is no zombie.
bool is_alive(pid_t pid);

/// The processes (zombies included) whose parent is `pid`.
std::vector<pid_t> children_of(pid_t pid);

}  // namespace ops::tests
