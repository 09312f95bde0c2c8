#pragma once

// Checks metrics and alert rules with Prometheus's promtool, which `./control test` downloads.

#include <string>

namespace ops::tests {

/// The faults that `promtool check metrics` finds in a page of metrics, its style included; "" when there are none.
std::string check_metrics(const std::string& text);

/// The faults that `promtool check rules` finds in a file of rules; "" when there are none.
std::string check_rules(const std::string& yaml);

/// The faults that `promtool test rules` finds: `tests` is a file of unit tests for `rules`; "" when all pass.
std::string test_rules(const std::string& rules, const std::string& tests);

/// The value of a sample, like sample(text, R"(up{job="x"})"); -1 when there is no such sample.
double sample(const std::string& metrics, const std::string& name);

}  // namespace ops::tests
