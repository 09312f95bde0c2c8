#pragma once

// The result of a benchmark as a table.

#include <string>
#include <vector>

#include "tests/fleet/report.h"

namespace ops::bench {

struct Row {
  std::string what;
  std::string ours;
  std::string theirs;  // nginx's figure; "" without a comparison
  std::string ratio;   // ours / theirs
  std::string target;  // "" without a target
  bool missed = false;
};

using Table = std::vector<Row>;

/// Formats the table with these column heads. Omits columns that are empty in all rows. Marks missed targets.
std::string to_text(const Table& table, const Row& heads);

double median(std::vector<double> numbers);

using fleet::fixed;

/// A row for a figure with a limit, which is the target.
Row at_most(const std::string& what, double figure, double limit, int digits, const std::string& unit);
Row at_least(const std::string& what, double figure, double limit, int digits, const std::string& unit);

/// A row that compares the medians. `most` is the largest ratio that meets the target; 0 for no target.
Row compare(const std::string& what, const std::vector<double>& ours, const std::vector<double>& theirs, int digits,
            double most);

}  // namespace ops::bench
