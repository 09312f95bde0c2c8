#pragma once

// What a benchmark found, in columns.

#include <string>
#include <vector>

namespace ops::bench {

struct Row {
  std::string what;
  std::string ours;
  std::string theirs;  // nginx's; "" where there is nothing to compare with
  std::string ratio;   // ours / theirs
  std::string target;  // "" where there is none
  bool missed = false;
};

using Table = std::vector<Row>;

/// Columns as wide as they must be, with these heads; a column that is empty in every row is left out. A target that was missed
/// is marked.
std::string to_text(const Table& table, const Row& heads);

double median(std::vector<double> numbers);

/// "12.3", with so many digits behind the point.
std::string fixed(double number, int digits);

/// Rows for figures that have a limit.
Row at_most(const std::string& what, double figure, double limit, int digits, const std::string& unit);
Row at_least(const std::string& what, double figure, double limit, int digits, const std::string& unit);

/// A row that compares the medians; `most` is the largest ratio that meets the target, 0 for no target.
Row compare(const std::string& what, const std::vector<double>& ours, const std::vector<double>& theirs, int digits,
            double most);

}  // namespace ops::bench
