// fleet: simulates up to a million updaters. `fleet --help` lists its options.

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "tests/fleet/options.h"
#include "tests/fleet/progress.h"

namespace {

using namespace ops::fleet;

std::atomic<bool> stop_requested = false;

/// Exits with a message when the process may not open so many connections at once.
void check_file_limit(size_t connections) {
  constexpr size_t kOtherFiles = 100;
  const size_t limit = raise_file_limit();
  if (connections + kOtherFiles <= limit) return;
  std::cerr << "fleet: cannot open " << connections << " connections at once: the hard limit of open files is " << limit
            << "; raise it with ulimit -Hn, or use fewer connections\n";
  std::exit(EXIT_FAILURE);
}

std::string run(FleetOptions options, std::string& json) {
  check_file_limit(options.keep || options.pacing == Pacing::flat_out ? options.connections : options.max_open);
  const Progress progress;
  options.stop = &stop_requested;
  options.progress = [&](const std::string& text) { progress.show(text); };
  options.progress_every = progress.every();
  const Report report = run_fleet(options);
  progress.end();
  json = to_json(report);
  return to_text(report);
}

std::string run(SlowClientOptions options, std::string&) {
  check_file_limit(options.clients);
  const Progress progress;
  options.stop = &stop_requested;
  options.progress = [&](const std::string& text) { progress.show(text); };
  options.progress_every = progress.every();
  const SlowClientReport report = run_slow_clients(options);
  progress.end();
  return to_text(report);
}

std::string run(DownloadOptions options, std::string&) {
  check_file_limit(options.clients);
  options.stop = &stop_requested;
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
  std::signal(SIGINT, [](int) { stop_requested = true; });
  std::signal(SIGTERM, [](int) { stop_requested = true; });
  std::string json;
  std::cout << std::visit([&](const auto& options) { return run(options, json); }, line->run);
  if (!line->json_file.empty() && !(std::ofstream(line->json_file) << json)) {
    std::cerr << "fleet: cannot write " << line->json_file << "\n";
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
