#include "tests/support/minisign.h"

#include <gtest/gtest.h>

#include "tests/support/process.h"

namespace ops::tests {

namespace {

/// The last line without its newline.
std::string last_line(const std::string& text) {
  const size_t end = text.find_last_not_of('\n');
  const size_t begin = text.rfind('\n', end);
  return text.substr(begin + 1, end - begin);
}

}  // namespace

Minisign::Minisign() {
  const Finished made = run({"minisign", "-G", "-W", "-p", public_key_file(), "-s", secret_key_file()});
  EXPECT_EQ(made.exit_code, 0) << made.output;
}

std::string Minisign::public_key() const { return last_line(read_file(public_key_file())); }

std::string Minisign::key_id() const {
  const std::string comment = read_file(public_key_file());
  const size_t end = comment.find('\n');
  const size_t begin = comment.rfind(' ', end) + 1;
  return std::string(16 - (end - begin), '0') + comment.substr(begin, end - begin);  // minisign omits leading zeros
}

std::string Minisign::sign(const std::string& file, const std::vector<std::string>& options) const {
  std::vector<std::string> command = {"minisign", "-S", "-W", "-s", secret_key_file(), "-m", file};
  command.insert(command.end(), options.begin(), options.end());
  const Finished made = run(command);
  EXPECT_EQ(made.exit_code, 0) << made.output;
  return read_file(file + ".minisig");
}

bool Minisign::accepts(const std::string& file) const {
  return run({"minisign", "-V", "-p", public_key_file(), "-m", file}).exit_code == 0;
}

}  // namespace ops::tests
