#pragma once

// An agent whose version 1 runs, for tests of switches to version 2 or to new content of version 1.

#include <gtest/gtest.h>

#include <string>

#include "tests/support/temp_dir.h"
#include "updater/agent/observe.h"
#include "updater/agent/switch.h"

namespace ops::updater {

inline constexpr char kChecksum1[] = "0cc175b9c0f1b6a831c399e269772661";
inline constexpr char kChecksum2[] = "0cc175b9c0f1b6a831c399e269772662";

/// An agent that notes each start and stop in ../calls. `at_stop` is a command that its stop runs at the end.
inline std::string control(const std::string& version, const std::string& at_stop = ":") {
  const std::string up = "../up-" + version;
  return "#!/bin/sh\ncase $1 in\n  start) echo start " + version + " >>../calls; touch " + up + " ;;\n  stop) echo stop " +
         version + " >>../calls; rm -f " + up + "; " + at_stop + " ;;\n  status) if [ -e " + up +
         " ]; then echo started; else echo stoped; fi ;;\nesac\n";
}

/// Agent a in `root`. Version 1 runs.
class Host {
 public:
  explicit Host(const std::string& root) : layout_(root) {}

  void add(const std::string& folder, const std::string& checksum, const std::string& control) const {
    tests::write_file(layout_.agent("a") + "/" + folder + "/control", control, 0755);
    tests::write_file(layout_.agent("a") + "/" + folder + "/.installed", checksum + "\n");
  }

  void add_running(const std::string& control_of_1) const {
    add("1", kChecksum1, control_of_1);
    tests::write_file(layout_.version_file("a"), "1\n");
    tests::write_file(layout_.agent("a") + "/up-1", "");
  }

  Observed look() const { return observe_agent(layout_, "a", {}).value(); }

  Result<void> carry_out_next(const DesiredAgent& desired) const {
    const Observed seen = look();
    const Decision decision = plan(seen, &desired, {}, BootTime());
    EXPECT_EQ(decision.action, Action::switch_over);
    SwitchSettings settings;
    settings.unclear_patience = settings.start_timeout = settings.stop_timeout = std::chrono::seconds(1);
    return carry_out(decision, seen, &desired, layout_, settings, {});
  }

  std::string calls() const { return tests::read_file(layout_.agent("a") + "/calls"); }
  const Layout& layout() const { return layout_; }

 private:
  Layout layout_;
};

inline const DesiredAgent kVersion2{"a", "2", "", "", "start"};
inline const DesiredAgent kNewContent{"a", "1", "", kChecksum2, "start"};

inline void expect_version_1_runs(const Host& host) {
  const Observed seen = host.look();
  EXPECT_EQ(seen.version, "1");
  EXPECT_EQ(seen.checksum, kChecksum1);
  EXPECT_EQ(seen.status, Status::started) << seen.status_text;
}

}  // namespace ops::updater
