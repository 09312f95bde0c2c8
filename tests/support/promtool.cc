#include "tests/support/promtool.h"

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace ops::tests {

namespace {

std::string verdict(const Finished& finished) {
  return finished.exit_code == 0 ? "" : "exit code " + std::to_string(finished.exit_code) + ": " + finished.output;
}

}  // namespace

std::string check_metrics(const std::string& text) {
  const TempDir folder;
  write_file(folder / "metrics", text);
  const Finished finished = run({"sh", "-c", "exec \"$1\" check metrics <\"$2\"", "sh", OPS_PROMTOOL, folder / "metrics"});
  return finished.output.empty() ? verdict(finished) : finished.output;
}

std::string check_rules(const std::string& yaml) {
  const TempDir folder;
  write_file(folder / "rules.yml", yaml);
  return verdict(run({OPS_PROMTOOL, "check", "rules", "--lint-fatal", folder / "rules.yml"}));
}

std::string test_rules(const std::string& rules, const std::string& tests) {
  const TempDir folder;
  write_file(folder / "rules.yml", rules);
  write_file(folder / "tests.yml", "rule_files: [rules.yml]\n" + tests);
  return verdict(run({OPS_PROMTOOL, "test", "rules", folder / "tests.yml"}));
}

double sample(const std::string& metrics, const std::string& name) {
  const size_t at = ("\n" + metrics).find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::stod(metrics.substr(at + name.size() + 1));
}

}  // namespace ops::tests
