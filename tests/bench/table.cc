#include "tests/bench/table.h"

#include <algorithm>
#include <array>

#include "common/base/text.h"

namespace ops::bench {

namespace {

constexpr std::array kColumns{&Row::what, &Row::ours, &Row::theirs, &Row::ratio, &Row::target};

Row limited(const std::string& what, const std::string& figure, const std::string& limit, bool met) {
  return {.what = what, .ours = figure, .target = limit, .missed = !met};
}

std::string with_unit(double number, int digits, const std::string& unit) {
  return fixed(number, digits) + (unit.empty() ? "" : " " + unit);
}

}  // namespace

std::string to_text(const Table& table, const Row& heads) {
  std::vector<Row> rows = table;
  rows.insert(rows.begin(), heads);
  std::string text;
  std::array<size_t, kColumns.size()> widths{};
  for (size_t i = 0; i < kColumns.size(); ++i) {
    const auto size = [&](const Row& row) { return (row.*kColumns[i]).size(); };
    const bool is_empty = std::all_of(table.begin(), table.end(), [&](const Row& row) { return size(row) == 0; });
    for (const Row& row : rows) widths[i] = is_empty ? 0 : std::max(widths[i], size(row));
  }
  for (const Row& row : rows) {
    for (size_t i = 0; i < kColumns.size(); ++i) {
      if (widths[i] == 0) continue;
      const std::string& cell = row.*kColumns[i];
      const std::string gap(widths[i] - cell.size(), ' ');
      text += i == 0 ? cell + gap : "  " + gap + cell;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += row.missed ? "  MISSED\n" : "\n";
  }
  return text;
}

double median(std::vector<double> numbers) {
  if (numbers.empty()) return 0;
  std::sort(numbers.begin(), numbers.end());
  const size_t middle = numbers.size() / 2;
  return numbers.size() % 2 == 1 ? numbers[middle] : (numbers[middle - 1] + numbers[middle]) / 2;
}

Row at_most(const std::string& what, double figure, double limit, int digits, const std::string& unit) {
  return limited(what, with_unit(figure, digits, unit), limit == 0 ? "0" : "<= " + with_unit(limit, 0, unit), figure <= limit);
}

Row at_least(const std::string& what, double figure, double limit, int digits, const std::string& unit) {
  return limited(what, with_unit(figure, digits, unit), ">= " + with_unit(limit, 0, unit), figure >= limit);
}

Row compare(const std::string& what, const std::vector<double>& ours, const std::vector<double>& theirs, int digits,
            double most) {
  const double ratio = median(theirs) > 0 ? median(ours) / median(theirs) : 0;
  Row row{what, fixed(median(ours), digits), fixed(median(theirs), digits), fixed(ratio, 2)};
  if (most > 0) {
    row.target = "<= " + fixed(most, 1);
    row.missed = ratio > most;
  }
  return row;
}

}  // namespace ops::bench
