#pragma once

// Shows on stderr how a long run goes: once a second, each line over the last, on a terminal; else a line every 10 s.

#include <string>

namespace ops::fleet {

class Progress {
 public:
  Progress();
  double every() const { return is_terminal_ ? 1 : 10; }  // seconds
  void show(const std::string& line) const;
  /// Before anything else is printed.
  void end() const;

 private:
  bool is_terminal_;
};

}  // namespace ops::fleet
