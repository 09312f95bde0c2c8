#pragma once

// Runs programs, and looks at processes.

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace ops::tests {

struct Finished {
  int exit_code = -1;  // 128 + N after signal N, as in a shell; -1 when the deadline passed and the program was killed
  std::string output;  // stdout and stderr
};

/// Runs a program until it exits, in `folder` unless that is "". A name without a slash is looked up in $PATH.
Finished run(const std::vector<std::string>& command, const std::string& folder = "",
             std::chrono::seconds deadline = std::chrono::seconds(60));

/// A program in the background. The destructor kills it.
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

  /// Waits until the program exits. Returns the exit code as in Finished, or -1 when it still runs at the deadline.
  int wait(std::chrono::seconds deadline = std::chrono::seconds(60));

  /// Sends SIGTERM and waits.
  int stop();
  /// Sends SIGKILL and waits.
  void kill();

 private:
  pid_t pid_ = -1;
  int exit_code_ = -1;
};

/// kill(2) for one process. A pid below 2 fails the test, because kill(2) with -1 signals every process of the machine.
void send_signal(pid_t pid, int number);

/// Whether a process with this pid exists and is not a zombie.
bool is_alive(pid_t pid);

/// The child processes of `pid`, zombies included.
std::vector<pid_t> children_of(pid_t pid);

}  // namespace ops::tests
