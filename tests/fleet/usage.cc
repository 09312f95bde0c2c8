#include "tests/fleet/usage.h"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <vector>

#include "common/text.h"

namespace ops::fleet {

namespace {

std::vector<pid_t> with_children(pid_t pid) {
  std::vector<pid_t> pids{pid};
  std::ifstream children(cat("/proc/", pid, "/task/", pid, "/children"));
  for (pid_t child = 0; children >> child;) pids.push_back(child);
  return pids;
}

/// utime and stime, the 14th and 15th field of stat; the second one, a name in brackets, may hold blanks.
double cpu_seconds(pid_t pid) {
  std::ifstream file(cat("/proc/", pid, "/stat"));
  std::string text;
  std::getline(file, text);
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

Usage usage_of(pid_t pid) {
  Usage sum;
  if (pid <= 0) return sum;
  for (const pid_t one : with_children(pid)) {
    sum.cpu += cpu_seconds(one);
    std::ifstream status(cat("/proc/", one, "/status"));
    long kb = 0;
    for (std::string word; status >> word;) {
      if (word == "VmRSS:" && status >> kb) sum.rss_kb += kb;
      if (word == "VmHWM:" && status >> kb) sum.peak_kb += kb;
    }
  }
  return sum;
}

void forget_peak(pid_t pid) {
  if (pid > 0) std::ofstream(cat("/proc/", pid, "/clear_refs")) << "5\n";
}

pid_t pid_of_box(const std::string& folder) {
  std::ifstream file(folder + "/var/app.pid");
  pid_t pid = 0;
  return file >> pid ? pid : 0;
}

}  // namespace ops::fleet
