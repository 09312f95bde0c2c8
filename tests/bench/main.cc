// bench: measures both daemons, ops-meta next to nginx. `./control bench` builds and runs it.

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

The first form compares with nginx, in rounds by turns, and prints medians (5 rounds of 4 s).
The second finds what it costs to decide whether a host may change to a version, among 1000000 hosts.
The third finds what TLS costs, with sessions resumed and without.
The fourth fills an ops-meta with hosts (1000000), then does to it what is named, or all of that; S (600) is the time of the
longest part. Targets that are missed are marked.
)";

[[noreturn]] void wrong(const std::string& why) {
  std::cerr << "bench: " << why << "\n\n" << kUsage;
  std::exit(2);
}

struct CommandLine {
  Options options;
  std::vector<std::string> what;
};

CommandLine parse(int argc, char** argv) {
  CommandLine line;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (!word.starts_with("-")) {
      line.what.push_back(word);
      continue;
    }
    if (i + 1 == argc) wrong(word + " takes a value, or is no option");
    const std::string value = argv[++i];
    const double number = std::strtod(value.c_str(), nullptr);
    if (word == "--nginx") {
      line.options.nginx = value;
    } else if (number <= 0) {
      wrong(word + " " + value + "?");
    } else if (word == "--rounds") {
      line.options.rounds = static_cast<int>(number);
    } else if (word == "--seconds") {
      line.options.seconds = line.options.steady_seconds = number;
    } else if (word == "--hosts") {
      line.options.hosts = static_cast<uint32_t>(number);
    } else {
      wrong("there is no option " + word);
    }
  }
  return line;
}

void print_scale(const CommandLine& line) {
  static const std::vector<std::string> kScenarios{"steady", "listing", "metrics", "tarballs",
                                                   "stalls", "holders", "restart", "outage"};
  Options options = line.options;
  options.only.assign(line.what.begin() + 1, line.what.end());
  for (const std::string& name : options.only) {
    if (std::find(kScenarios.begin(), kScenarios.end(), name) == kScenarios.end()) wrong("there is no scenario " + name);
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

void print_comparison(const CommandLine& line) {
  static const std::map<std::string, Table (*)(const Options&)> kBenchmarks{
      {"heartbeats", compare_heartbeats}, {"tarballs", compare_tarballs}, {"idle", measure_idle_updater}};
  std::vector<std::string> what = line.what;
  if (what.empty()) what = {"heartbeats", "tarballs", "idle"};
  Table table;
  for (const std::string& name : what) {
    const auto benchmark = kBenchmarks.find(name);
    if (benchmark == kBenchmarks.end()) wrong("there is no benchmark " + name);
    const Table rows = benchmark->second(line.options);
    table.insert(table.end(), rows.begin(), rows.end());
  }
  std::cout << "Medians of " << line.options.rounds << " rounds by turns, " << line.options.seconds << " s each, "
            << std::thread::hardware_concurrency() << " cores, the load generator on the same machine; nginx has 1 worker,\n"
            << "ops-meta as many threads as it likes. CPU is the server's, from /proc.\n\n"
            << to_text(table, {"", "ours", "nginx", "ratio", "target"});
}

}  // namespace

namespace ops::bench {

std::atomic<bool> stop_asked = false;

void announce(const std::string& what) {
  if (stop_asked) give_up("stopped");
  std::cerr << "-- " << what << "\n";
}

void give_up(const std::string& why) { throw std::runtime_error(why); }

}  // namespace ops::bench

int main(int argc, char** argv) {
  const CommandLine line = parse(argc, argv);
  std::signal(SIGINT, [](int) { stop_asked = true; });
  std::signal(SIGTERM, [](int) { stop_asked = true; });
  try {
    if (line.what == std::vector<std::string>{"tls"}) {
      print_tls(line);
    } else if (line.what == std::vector<std::string>{"admission"}) {
      print_admissions(line);
    } else if (!line.what.empty() && line.what[0] == "scale") {
      print_scale(line);
    } else {
      print_comparison(line);
    }
  } catch (const std::runtime_error& failure) {
    std::cerr << "bench: " << failure.what() << "\n";
    return EXIT_FAILURE;
  }
}
