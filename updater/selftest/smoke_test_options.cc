#include "common/base/text.h"
#include "updater/selftest/smoke_test.h"

namespace ops::updater {

using std::chrono::seconds;

namespace {

Result<seconds> parse_seconds(const std::map<std::string, std::string>& flags, const std::string& flag, seconds fallback) {
  const auto given = flags.find(flag);
  if (given == flags.end()) return fallback;
  const std::string& text = given->second;
  const auto number = parse_number(text);
  if (!number || *number > 3600) {
    return Error{cat("--", flag, " is \"", text, "\", expected a number of seconds from 0 to 3600")};
  }
  return seconds(*number);
}

}  // namespace

const std::vector<LongOption>& smoke_test_flags() {
  static const std::vector<LongOption> flags = {
      {"try", "TARBALL", "test a release as the updater would run it, and exit with 0 if no check failed, else with 1"},
      {"probation", "S", "with --try: seconds for which the agent must stay started (default: 30)"},
      {"timeout", "S", "with --try: seconds for each ./control start and stop (default: 60)"},
      {"settle", "S", "with --try: seconds after start and stop until the status must have changed (default: 30)"},
  };
  return flags;
}

Result<SmokeTestOptions> parse_smoke_test_options(const std::map<std::string, std::string>& flags) {
  SmokeTestOptions options;
  options.tarball = flags.at("try");
  const auto probation = parse_seconds(flags, "probation", options.probation);
  if (!probation) return probation.error();
  const auto timeout = parse_seconds(flags, "timeout", options.control_timeout);
  if (!timeout) return timeout.error();
  const auto settle = parse_seconds(flags, "settle", options.settle_time);
  if (!settle) return settle.error();
  options.settle_time = *settle;
  options.probation = *probation;
  options.control_timeout = *timeout;
  return options;
}

}  // namespace ops::updater
