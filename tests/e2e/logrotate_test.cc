// Another program moves or removes a daemon's log file.

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <functional>

#include "tests/support/boxes.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;

/// `reload` asks the running daemon without a signal to read its config again.
void expect_new_files(Box& box, const std::function<void()>& reload) {
  const std::string file = box / "var/app.log";
  fs::rename(file, file + ".1");
  const std::string before = read_file(file + ".1");
  EXPECT_FALSE(before.empty());
  box.process().signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return contains(read_file(file), "config reloaded"); }));
  EXPECT_EQ(read_file(file + ".1"), before);

  fs::remove(file);
  write_file(box / "cfg.json", "{");
  reload();
  EXPECT_TRUE(eventually([&] { return contains(read_file(file), "cfg.json"); })) << "without a signal";
  EXPECT_TRUE(contains(read_file(file), " error ")) << "the format of the lines stays: " << read_file(file);

  write_file(file + ".empty", "", 0600);
  fs::rename(file + ".empty", file);  // like `create` of logrotate
  box.process().signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return contains(read_file(file), " error "); }));
}

TEST(Logrotate, UpdaterOpensItsLogAnew) {
  UpdaterBox host("127.0.0.1:1", {.interval = 300});
  ASSERT_TRUE(host.start()) << host.log();
  const int port = host.port();
  expect_new_files(host, [&] { get(port, "/config/reload"); });
}

TEST(Logrotate, MetaOpensItsLogAnew) {
  MetaBox meta;
  ASSERT_TRUE(meta.start({})) << meta.log();
  expect_new_files(meta, [&] { meta.get_as_owner("/config/reload"); });
}

}  // namespace
}  // namespace ops::tests
