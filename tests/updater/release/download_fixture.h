#pragma once

// Downloads from a server whose bytes the test chooses.

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "tests/support/fake_server.h"
#include "tests/support/temp_dir.h"
#include "updater/release/download.h"

namespace ops::updater {

using std::chrono::seconds;
using tests::FakePeer;
using tests::FakeRequest;
using tests::FakeServer;
using tests::ServedFile;

/// Bytes that do not compress.
inline std::string file_of(size_t size, unsigned seed = 1) {
  std::string bytes;
  for (unsigned x = seed; bytes.size() < size;) bytes += static_cast<char>((x = x * 1103515245 + 12345) >> 16);
  return bytes;
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

inline FakeServer::Handler always_sends(const std::string& bytes) {
  return [bytes](const FakeRequest&, const FakePeer& peer) { peer.send(bytes); };
}

inline FakeServer::Handler serves(const ServedFile& file) {
  return [file](const FakeRequest& request, const FakePeer& peer) { peer.send(file.reply_to(request)); };
}

struct DownloadTest : testing::Test {
  DownloadTest() {
    limits.reserve = 0;
    limits.max_size = 10 << 20;
    limits.least_speed = 1000;
    limits.stall_time = seconds(1);
  }

  static Result<void> outcome(const std::optional<DownloadError>& failed) { return failed ? failed->error : Result<void>(); }

  Result<void> download() {
    done = 0;
    return outcome(updater::download(server.url("/t.tar.gz"), path, limits, progress, cancel.get_token()));
  }

  /// The error of a download that must fail. A download that does not notice the fault runs until the end of the test.
  std::string failure() {
    const auto begin = std::chrono::steady_clock::now();
    const auto result = download();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(30));
    return result ? "no error" : result.error().message;
  }

  std::string failure(const FakeServer::Handler& handler) {
    server.set_handler(handler);
    return failure();
  }

  bool downloads(const FakeServer::Handler& handler) {
    server.set_handler(handler);
    const auto result = download();
    return result ? true : (ADD_FAILURE() << result.error().message, false);
  }

  void forget_all() const {
    ::unlink(path.c_str());
    ::unlink((path + ".from").c_str());
  }

  std::string content() const { return tests::read_file(path); }
  std::string last_header(const std::string& name) const { return server.requests().back().header(name); }

  const std::string whole = file_of(300'000);
  tests::TempDir folder;
  std::string path = folder / ".download-1";
  DownloadLimits limits;
  uint64_t done = 0;
  uint64_t total = 0;
  Progress progress = [this](uint64_t now_done, uint64_t now_total) {
    EXPECT_GE(now_done, done);
    done = now_done;
    total = now_total;
  };
  std::stop_source cancel;
  FakeServer server{always_sends("")};

  /// The server sends the first half and closes the connection.
  FakeServer::Handler cuts_in_half(const ServedFile& file) {
    return [file](const FakeRequest& request, const FakePeer& peer) {
      const std::string reply = file.reply_to(request);
      peer.send(reply.substr(0, reply.size() - file.content.size() / 2));
    };
  }
};

}  // namespace ops::updater
