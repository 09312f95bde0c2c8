// fleet: plays a million updaters. `fleet --help` has its options.

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "tests/fleet/options.h"
#include "tests/fleet/progress.h"

namespace {

using namespace ops::fleet;

std::atomic<bool> stop_asked = false;

/// So many connections at once are wanted.
void check_file_limit(size_t connections) {
  constexpr size_t kOthers = 100;
  const size_t limit = raise_file_limit();
  if (connections + kOthers <= limit) return;
  std::cerr << "fleet: " << connections << " connections at once are asked for, and the hard limit of open files is " << limit
            << ": raise it (ulimit -Hn), or ask for less\n";
  std::exit(EXIT_FAILURE);
}

std::string run(FleetOptions options, std::string& json) {
  check_file_limit(options.keep || options.pace == RateEstimator::flat_out ? options.connections : options.max_open);
  const Progress progress;
  options.stop = &stop_asked;
  options.progress = [&](const std::string& text) { progress.show(text); };
  options.progress_every = progress.every();
  const Report report = run_fleet(options);
  progress.end();
  json = to_json(report);
  return to_text(report);
}

std::string run(StallOptions options, std::string&) {
  check_file_limit(options.clients);
  const Progress progress;
  options.stop = &stop_asked;
  options.progress = [&](const std::string& text) { progress.show(text); };
  options.progress_every = progress.every();
  const StallReport report = run_stall(options);
  progress.end();
  return to_text(report);
}

std::string run(DownloadOptions options, std::string&) {
  check_file_limit(options.clients);
  options.stop = &stop_asked;
  return to_text(run_downloads(options));
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty() || words[0] == "--help" || words[0] == "-h") {
    std::cout << usage_text();
    return EXIT_SUCCESS;
  }
  const auto line = parse_command_line(words);
  if (!line) {
    std::cerr << "fleet: " << line.error().message << "; try fleet --help\n";
    return 2;
  }
  std::signal(SIGINT, [](int) { stop_asked = true; });
  std::signal(SIGTERM, [](int) { stop_asked = true; });
  std::string json;
  std::cout << std::visit([&](const auto& options) { return run(options, json); }, line->run);
  if (!line->json_file.empty() && !(std::ofstream(line->json_file) << json)) {
    std::cerr << "fleet: can't write " << line->json_file << "\n";
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
