// bench: measures both daemons, and compares ops-meta with nginx. `./control bench` builds and runs it.

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <map>
#include <stdexcept>
#include <thread>

#include "tests/bench/bench.h"

namespace {

using namespace ops::bench;

constexpr char kUsage[] = R"(usage: bench [heartbeats] [tarballs] [idle] [--rounds N] [--seconds S] [--nginx PROGRAM]
       bench admission [--hosts N]
       bench tls [--seconds S]
       bench scale [steady] [listing] [metrics] [tarballs] [stalls] [holders] [restart] [outage] [--hosts N] [--seconds S]

The first form compares ops-meta with nginx in alternating rounds, and prints medians (default: 5 rounds of 4 s). `idle` measures
an idle ops-updater.
The second form measures the decision whether a host may change to a version, with N hosts (1000000).
The third form measures heartbeats over TLS, with resumed sessions and with full handshakes.
The fourth form fills an ops-meta with N hosts (1000000), then runs the named scenarios, or all. S (600) is the length of the
longest scenario. Each form marks missed targets.
)";

/// Exits with a message and the usage.
[[noreturn]] void refuse(const std::string& why) {
  std::cerr << "bench: " << why << "\n\n" << kUsage;
  std::exit(2);
}

struct CommandLine {
  Options options;
  std::vector<std::string> names;
};

CommandLine parse(int argc, char** argv) {
  CommandLine line;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (!word.starts_with("-")) {
      line.names.push_back(word);
      continue;
    }
    if (i + 1 == argc) refuse(word + ": unknown option, or its value is missing");
    const std::string value = argv[++i];
    const double number = std::strtod(value.c_str(), nullptr);
    if (word == "--nginx") {
      line.options.nginx = value;
    } else if (number <= 0) {
      refuse(word + ": \"" + value + "\" is not a number above 0");
    } else if (word == "--rounds") {
      line.options.rounds = static_cast<int>(number);
    } else if (word == "--seconds") {
      line.options.seconds = line.options.steady_seconds = number;
    } else if (word == "--hosts") {
      line.options.hosts = static_cast<uint32_t>(number);
    } else {
      refuse("unknown option " + word);
    }
  }
  return line;
}

void print_scale(const CommandLine& line) {
  static const std::vector<std::string> kScenarios{"steady", "listing", "metrics", "tarballs",
                                                   "stalls", "holders", "restart", "outage"};
  Options options = line.options;
  options.only.assign(line.names.begin() + 1, line.names.end());
  for (const std::string& name : options.only) {
    if (std::find(kScenarios.begin(), kScenarios.end(), name) == kScenarios.end()) refuse("unknown scenario " + name);
  }
  const Table table = measure_scale(options);
  std::cout << "One ops-meta, " << std::thread::hardware_concurrency() << " cores, the fleet on the same machine\n\n"
            << to_text(table, {"", "found", "", "", "target"});
}

void print_tls(const CommandLine& line) {
  std::cout << "3,334 heartbeats a second, each on a new connection, " << std::thread::hardware_concurrency()
            << " cores, the fleet on the same machine\n\n"
            << to_text(measure_tls(line.options), {"", "found", "", "", "target"});
}

void print_admissions(const CommandLine& line) {
  std::cout << "CPU time of one decision\n\n" << to_text(measure_admissions(line.options), {"", "found", "", "", "target"});
}

void print_comparisons(const CommandLine& line) {
  static const std::map<std::string, Table (*)(const Options&)> kBenchmarks{
      {"heartbeats", compare_heartbeats}, {"tarballs", compare_tarballs}, {"idle", measure_idle_updater}};
  std::vector<std::string> names = line.names;
  if (names.empty()) names = {"heartbeats", "tarballs", "idle"};
  Table table;
  for (const std::string& name : names) {
    const auto benchmark = kBenchmarks.find(name);
    if (benchmark == kBenchmarks.end()) refuse("unknown benchmark " + name);
    const Table rows = benchmark->second(line.options);
    table.insert(table.end(), rows.begin(), rows.end());
  }
  std::cout << "Medians of " << line.options.rounds << " alternating rounds of " << line.options.seconds << " s, "
            << std::thread::hardware_concurrency() << " cores, the load generator on the same machine; nginx has 1 worker,\n"
            << "ops-meta its default number of threads. CPU is the server's, from /proc.\n\n"
            << to_text(table, {"", "ours", "nginx", "ratio", "target"});
}

}  // namespace

namespace ops::bench {

std::atomic<bool> stop_requested = false;

void announce(const std::string& step) {
  if (stop_requested) give_up("stopped by a signal");
  std::cerr << "-- " << step << "\n";
}

void give_up(const std::string& why) { throw std::runtime_error(why); }

}  // namespace ops::bench

int main(int argc, char** argv) {
  const CommandLine line = parse(argc, argv);
  std::signal(SIGINT, [](int) { stop_requested = true; });
  std::signal(SIGTERM, [](int) { stop_requested = true; });
  try {
    if (line.names == std::vector<std::string>{"tls"}) {
      print_tls(line);
    } else if (line.names == std::vector<std::string>{"admission"}) {
      print_admissions(line);
    } else if (!line.names.empty() && line.names[0] == "scale") {
      print_scale(line);
    } else {
      print_comparisons(line);
    }
  } catch (const std::runtime_error& failure) {
    std::cerr << "bench: " << failure.what() << "\n";
    return EXIT_FAILURE;
  }
}
