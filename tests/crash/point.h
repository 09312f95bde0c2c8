#pragma once

// One update of the demo agent by a real updater under a real meta, with one system call struck by a fault (inject.cc), and
// what must hold all the time and in the end.

#include <map>
#include <string>

namespace ops::tests {

/// An update. 2.0.0 either works or cannot start.
struct Scenario {
  std::string name;
  std::string before;  // the version that runs at the beginning; "" for none
  std::string desired;
  std::string after;  // the version that must run in the end
};

struct Point {
  Scenario scenario;
  std::string fault;    // as inject knows it
  unsigned long n = 0;  // the call that is struck; 0 for none
};

struct Outcome {
  std::string struck;                           // the call; "" when the run had fewer than n
  std::map<std::string, unsigned long> counts;  // of calls that each fault could have struck
  bool refused = false;                         // the updater said why it can't start, and exited, as it may
  std::string violation;                        // what broke, with the logs; "" when nothing did
};

/// Runs it to its end. In between, at every look:
///   - .version, if there, names a folder with all of its release's content;
///   - no two processes of the agent run (as /proc has it, whatever control scripts say);
///   - meta was never told `started` of a version that has not come up, nor for 5 s of one that does not run.
/// After kill the updater is started again without faults, as init would. After an error it must be alive, unless it had not
/// begun to serve. In the end just the right version runs, in one process, .version names it, it is past its probation (or the
/// other one is latched), meta says so, and no staging is left.
Outcome run_point(const Point& point);

/// SIGKILL to every process that works in this folder or below.
void kill_all_in(const std::string& folder);

}  // namespace ops::tests
