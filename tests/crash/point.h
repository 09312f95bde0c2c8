#pragma once

// Runs one update of the demo agent with a real updater and a real ops-meta, injects one fault into one system call
// (inject.cc), and checks invariants during the update and after it.

#include <map>
#include <string>

namespace ops::tests {

/// An update of the demo agent. Its release 2.0.0 works, cannot start, or dies in its soak.
struct Scenario {
  std::string name;
  std::string before;    // the version that runs at first; "" for none
  std::string assigned;  // the version that ops-meta assigns
  std::string after;     // the version that must run at the end
  bool dies = false;     // 2.0.0 starts, and dies again and again
};

struct Point {
  Scenario scenario;
  std::string fault;    // an argument of inject
  unsigned long n = 0;  // the number of the call that gets the fault; 0 for none
};

struct Outcome {
  std::string injected;                         // the call that got the fault; "" when the run had fewer calls than n
  std::map<std::string, unsigned long> counts;  // by fault: the calls that could have had it
  bool refused = false;                         // the updater exited at its start with a reason, which is permitted
  std::string violation;                        // the violated invariant and the logs; "" when there is none
};

/// Runs the update. At every check during the update:
///   - .version, if it exists, names a folder with the complete content of its release;
///   - at most one process of the agent runs, according to /proc;
///   - ops-meta never has the status `started` for a version that never ran, and for at most 20 s for one that has ended.
/// After a kill, the test starts the updater again without faults, as init does. After an error the updater must be alive,
/// unless it had not begun to serve. At the end one process of the right version runs, .version names it, its probation and its
/// soak are over (or the other version is latched), ops-meta reports the same, and no staging is left.
Outcome run_point(const Point& point);

/// Sends SIGKILL to every process whose working folder is this folder or below.
void kill_all_in(const std::string& folder);

}  // namespace ops::tests
