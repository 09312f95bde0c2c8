#include "tests/fleet/usage.h"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <vector>

#include "common/base/text.h"

namespace ops::fleet {

namespace {

std::vector<pid_t> with_children(pid_t pid) {
  std::vector<pid_t> pids{pid};
  std::ifstream children(cat("/proc/", pid, "/task/", pid, "/children"));
  for (pid_t child = 0; children >> child;) pids.push_back(child);
  return pids;
}

/// The sum of two adjacent fields of /proc/PID/stat in seconds: 14 for utime and stime, 16 for cutime and cstime.
double cpu_seconds(pid_t pid, int field) {
  std::ifstream file(cat("/proc/", pid, "/stat"));
  std::string text;
  std::getline(file, text);
  const size_t name_end = text.rfind(')');  // the second field is a name that may contain blanks
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int i = 3; i < field; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

Usage own_usage_of(pid_t pid) {
  Usage usage;
  if (pid <= 0) return usage;
  usage.cpu = cpu_seconds(pid, 14);
  std::ifstream status(cat("/proc/", pid, "/status"));
  for (std::string word; status >> word;) {
    if (word == "VmRSS:") status >> usage.rss_kb;
    if (word == "VmHWM:") status >> usage.peak_kb;
  }
  return usage;
}

Usage usage_of(pid_t pid) {
  Usage sum;
  for (const pid_t one : with_children(pid)) {
    const Usage usage = own_usage_of(one);
    sum.cpu += usage.cpu;
    sum.rss_kb += usage.rss_kb;
    sum.peak_kb += usage.peak_kb;
  }
  return sum;
}

double reaped_children_cpu(pid_t pid) { return cpu_seconds(pid, 16); }

void reset_peak_rss(pid_t pid) {
  if (pid > 0) std::ofstream(cat("/proc/", pid, "/clear_refs")) << "5\n";
}

pid_t pid_in(const std::string& folder) {
  std::ifstream file(folder + "/var/app.pid");
  pid_t pid = 0;
  return file >> pid ? pid : 0;
}

}  // namespace ops::fleet
