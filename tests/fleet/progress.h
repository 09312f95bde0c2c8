#pragma once

// Prints the progress of a long run on stderr. On a terminal, a new line replaces the last one every second; otherwise a line
// is printed every 10 s.

#include <string>

namespace ops::fleet {

class Progress {
 public:
  Progress();
  double every() const { return is_terminal_ ? 1 : 10; }  // seconds
  void show(const std::string& line) const;
  /// Removes the last line from a terminal. To be called before other output.
  void end() const;

 private:
  bool is_terminal_;
};

}  // namespace ops::fleet
