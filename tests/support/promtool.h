#pragma once

// What Prometheus itself says of metrics and rules: its promtool, which `./control test` fetches.

#include <string>

namespace ops::tests {

/// What `promtool check metrics` finds wrong with a page of metrics, its style included; "" when it is fine.
std::string check_metrics(const std::string& text);

/// What `promtool check rules` finds wrong with a file of rules; "" when it is fine.
std::string check_rules(const std::string& yaml);

/// The sample's value, like sample(text, R"(up{job="x"})"); -1 when there is none.
double sample(const std::string& metrics, const std::string& name);

}  // namespace ops::tests
