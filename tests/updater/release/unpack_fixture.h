#pragma once

// A tarball, and the folder into which it is unpacked.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/support/tarball.h"
#include "tests/support/temp_dir.h"
#include "updater/release/unpack.h"

namespace ops::updater {

using tests::Entry;
using tests::make_tarball;
using Kind = Entry::Kind;
using Entries = std::vector<Entry>;

inline const Entry kControl{"control", "#!/bin/sh\n", 0755, Kind::file};
constexpr uint64_t kNoReserve = 0;

struct Unpack : testing::Test {
  Unpack() { limits.reserve = kNoReserve; }

  ReleaseOutcome unpack_bytes(const std::string& bytes) {
    std::filesystem::remove_all(folder);
    tests::write_file(tarball, bytes);
    return unpack(tarball, folder, limits, {});
  }

  /// The error of a release that must be refused before anything is written.
  std::string refusal(const std::string& bytes) {
    const auto error = unpack_bytes(bytes);
    if (!error) return "it was unpacked";
    EXPECT_EQ(error->fault, ReleaseFault::release) << error->error.message;
    EXPECT_EQ(tests::list(box / "place"), entries_of_place);
    EXPECT_EQ(tests::list(folder), std::vector<std::string>{}) << error->error.message;
    return error->error.message;
  }

  std::string refusal(Entries evil) {
    evil.insert(evil.begin(), kControl);
    return refusal(make_tarball(evil));
  }

  unsigned mode(const std::string& name) const {
    struct stat info = {};
    EXPECT_EQ(::lstat((folder + "/" + name).c_str(), &info), 0) << name;
    return info.st_mode & 07777;
  }

  const std::vector<std::string> entries_of_place{"release.tar.gz"};
  tests::TempDir box;
  std::string tarball = box / "place/release.tar.gz";
  std::string folder = box / "place/.staged-1";
  UnpackOptions limits;
};

}  // namespace ops::updater

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)
