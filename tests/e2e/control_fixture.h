#pragma once

// A daemon with its ./control on a host.

#include <gtest/gtest.h>

#include "tests/support/boxes.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {

/// A config of ops-meta with agent `a` in this version.
inline std::string meta_config(const std::string& listen, const std::string& version) {
  return "{\"http\": {\"listen\": \"" + listen + R"("}, "agents": [{"default": {"name": "a", "version": ")" + version +
         "\"}}]}";
}

/// A folder with a daemon and ./control, as `./control pack` makes it. The destructor stops the daemon.
struct ControlBox {
  explicit ControlBox(const std::string& binary = "ops-meta") : box(binary) {
    box.add_control();
    write_file(box / "cfg.json", binary == "ops-meta" ? meta_config("127.0.0.1:0", "1")
                                                      : R"({"server": "127.0.0.1:1", "http": {"enabled": false}})");
  }
  ~ControlBox() { control("stop"); }

  Finished control(const std::string& verb) const { return box.run_control({verb}); }

  pid_t pid() const {
    const Finished finished = control("pid");
    return finished.exit_code == 0 ? std::stoi(finished.output) : -1;
  }

  std::string heartbeat() const { return http(box.port(), "POST", "/heartbeat", R"({"hostname":"h"})").body; }

  Box box;
};

struct Control : testing::Test {
  Finished control(const std::string& verb) const { return beside.control(verb); }

  /// Runs the verb and compares its exit code and output.
  void expect(const std::string& verb, int exit_code, const std::string& output) const {
    const Finished finished = control(verb);
    EXPECT_EQ(finished.exit_code, exit_code) << verb;
    EXPECT_EQ(finished.output, output) << verb;
  }

  pid_t start() const {
    const Finished finished = control("start");
    const pid_t pid = beside.pid();
    EXPECT_EQ(finished.exit_code, 0);
    EXPECT_EQ(finished.output, "ops-meta started, pid " + std::to_string(pid) + "\n");
    return pid;
  }

  ControlBox beside;
  Box& box = beside.box;
};

}  // namespace ops::tests
