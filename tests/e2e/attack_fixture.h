#pragma once

// An attacker, the owner of the releases, and a host that runs one of them.

#include <gtest/gtest.h>

#include "tests/support/fake_meta.h"
#include "tests/support/minisign.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {

/// The attacker's agent. It creates the file `evil` in the updater's folder when its control runs.
inline std::string evil_tarball() { return make_agent_tarball("#!/bin/sh\ntouch ../../evil\necho started\n"); }

/// JSON for an updater's config that accepts only releases signed with this key.
inline std::string signed_by(const Minisign& owner) { return R"(, "publicKeys": [")" + owner.public_key() + "\"]"; }

/// The owner's releases are demo-agent 1.0.0 and 1.1.0 and naming-agent 1.0.0.
struct Attack : testing::Test {
  /// Serves a tarball with its checksum and the owner's signature.
  void release(FakeMeta& at, const std::string& name, const std::string& version, const std::string& bytes) const {
    const std::string file = name + "-" + version + ".tar.gz";
    write_file(desk / file, bytes);
    at.publish(name, version, bytes);
    at.serve(file + ".minisig", http_reply(200, owner.sign(desk / file)));
  }
  std::string signature(const std::string& file) const { return read_file(desk / (file + ".minisig")); }

  /// A host that runs the owner's demo-agent 1.0.0.
  struct Host : UpdaterBox {
    Host(FakeMeta& meta, const std::string& more) : UpdaterBox(meta.address(), {.more = more}) {
      meta.assign({{"demo-agent", "1.0.0"}});
      EXPECT_TRUE(start() && eventually([&] { return runs("1.0.0") && is_past_probation(meta); })) << log();
      pid = agent_pid("demo-agent", "1.0.0");
    }
    static bool is_past_probation(const FakeMeta& meta) {
      return meta.reported("realAgents", "demo-agent", "status") == "started" &&
             meta.reported("updates", "demo-agent", "phase").empty();
    }
    bool runs(const std::string& version) const { return running("demo-agent") == std::vector<std::string>{version}; }
    bool is_unchanged() const { return agent_pid("demo-agent", "1.0.0") == pid && runs("1.0.0"); }
    pid_t pid = -1;
  };

  static bool runs_evil(const UpdaterBox& host) {
    return eventually([&] { return exists(host / "evil"); });
  }
  /// Expects that the updater logs `why` and changes nothing.
  static void expect_rejected(const Host& host, const std::string& why) {
    EXPECT_TRUE(eventually([&] { return contains(host.log(), why); })) << why << " is not in\n" << host.log();
    EXPECT_FALSE(exists(host / "evil"));
    EXPECT_TRUE(host.is_unchanged()) << host.log();
  }

  TempDir desk;  // holds the owner's files
  Minisign owner;
};

}  // namespace ops::tests
