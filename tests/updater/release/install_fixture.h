#pragma once

// An agent's folder on the disk, and a server with its release 1.0.

#include "updater/release/install.h"

#include <gtest/gtest.h>

#include "tests/support/fake_server.h"
#include "tests/support/tarball.h"
#include "tests/support/temp_dir.h"

namespace ops::updater {

using tests::FakePeer;
using tests::FakeRequest;
using tests::FakeServer;
using tests::http_reply;
using tests::md5_hex;

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

struct Install : testing::Test {
  static constexpr char kControl[] = "#!/bin/sh\necho stoped\n";
  static constexpr char kTarball[] = "/t/a-1.0.tar.gz";
  static constexpr char kSignature[] = "/t/a-1.0.tar.gz.minisig";
  static constexpr char kChecksum[] = "/t/a-1.0.tar.gz.md5";

  Install() {
    limits.download.reserve = 0;
    limits.unpack.reserve = 0;
    publish(tests::make_agent_tarball(kControl, {{"mark", "one"}}));
  }

  void publish(const std::string& bytes) { publish(bytes, md5_hex(bytes) + "  a-1.0.tar.gz\n"); }
  void publish(const std::string& bytes, const std::string& md5sum, const std::string& minisig = "") {
    const tests::ServedFile file{bytes, "\"" + md5_hex(bytes) + "\"", ""};
    server.set_handler([=](const FakeRequest& request, const FakePeer& peer) {
      if (request.target == kTarball) {
        peer.send(file.reply_to(request));
      } else if (request.target == kSignature && !minisig.empty()) {
        peer.send(http_reply(200, minisig));
      } else if (request.target == kChecksum && !md5sum.empty()) {
        peer.send(http_reply(200, md5sum));
      } else {
        peer.send(http_reply(404, "not here"));
      }
    });
  }

  std::optional<FetchError> fetch_it() {
    DesiredAgent agent{"a", "1.0", tarball.empty() ? server.url("/t") : tarball, md5, "start", preserve};
    agent.mirrors = mirrors;
    phases.clear();
    const auto progress = [this](Phase phase, uint64_t, uint64_t) {
      if (phases.empty() || phases.back() != phase) phases.push_back(phase);
    };
    return fetch_release(layout, agent, limits, {keys, {}}, progress, cancel.get_token());
  }

  /// The error of a fetch that must fail and leave no release.
  FetchError failure() {
    const auto error = fetch_it();
    EXPECT_FALSE(tests::exists(layout.staged("a", "1.0")));
    EXPECT_FALSE(tests::exists(layout.version("a", "1.0")));
    return error ? *error : FetchError{{"no error"}, false, ""};
  }

  /// As failure(), after a fetch that succeeded.
  FetchError failure_of_staged() {
    EXPECT_TRUE(remove_release(layout.staged("a", "1.0")));
    return failure();
  }

  tests::TempDir root;
  Layout layout{root.path()};
  std::string tarball;  // "" for the server's /t
  std::vector<std::string> mirrors;
  std::string md5;
  bool preserve = false;
  InstallLimits limits;
  std::vector<PublicKey> keys;
  std::vector<Phase> phases;
  std::stop_source cancel;
  FakeServer server{[](const FakeRequest&, const FakePeer&) {}};
};

}  // namespace ops::updater
