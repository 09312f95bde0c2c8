#pragma once

// A program on a pseudo-terminal, as an operator runs it.

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace ops::tests {

/// The destructor kills the program.
class Terminal {
 public:
  Terminal(const std::vector<std::string>& command, const std::string& folder, unsigned short columns = 80,
           unsigned short rows = 24);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  /// Waits until the output contains the text. False when it does not in time, or when the program ends without it.
  bool shows(const std::string& text);
  /// The output so far, with "\r\n" as line ends.
  const std::string& output();
  void type(const std::string& keys) const;

  pid_t pid() const { return pid_; }
  /// Waits until the program exits. Returns its exit code, 128 + N after signal N, or -1 when it still runs at the deadline.
  int wait(std::chrono::seconds deadline = std::chrono::seconds(60));

 private:
  int master_ = -1;
  pid_t pid_ = -1;
  int exit_code_ = -1;
  std::string output_;
};

}  // namespace ops::tests
