#include "common/base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "tests/support/temp_dir.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;

using Names = std::vector<std::string>;

constexpr size_t kLimit = 1000;

mode_t mode_of(const std::string& path) {
  struct stat info = {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

struct File : testing::Test {
  TempDir folder;
  std::string path = folder / "a";
};

TEST_F(File, FdClosesTheDescriptorThatItOwns) {
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  {
    Fd first(fd);
    Fd second(std::move(first));
    EXPECT_FALSE(first);  // NOLINT: a moved-from Fd must be empty
    EXPECT_EQ(second.get(), fd);
    first = std::move(second);
    EXPECT_TRUE(is_open(fd));
  }
  EXPECT_FALSE(is_open(fd));
}

TEST_F(File, FdReleasesWithoutClosing) {
  Fd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int fd = file.release();
  EXPECT_FALSE(file);
  EXPECT_TRUE(is_open(fd));
  ::close(fd);
}

TEST_F(File, ReadsAWholeFileUpToTheLimit) {
  write_file(path, std::string(kLimit, 'x'));
  EXPECT_EQ(ops::read_file(path, kLimit).value(), std::string(kLimit, 'x'));
  write_file(path, std::string(kLimit + 1, 'x'));
  EXPECT_EQ(ops::read_file(path, kLimit).error().message, "cannot read " + path + ": it is larger than 1000 bytes");
}

TEST_F(File, ReportsWhyAFileCannotBeRead) {
  EXPECT_EQ(ops::read_file(path, kLimit).error().message, "cannot open " + path + ": No such file or directory");
  EXPECT_EQ(ops::read_file(folder.path(), kLimit).error().message, "cannot read " + folder.path() + ": Is a directory");
}

TEST_F(File, DoesNotWaitForTheWriterOfAFifo) {
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(ops::read_file(path, kLimit).value(), "");
}

TEST_F(File, WriteAllContinuesAfterAPartialWrite) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const std::string content(300'000, 'x');  // a pipe holds 64 KiB
  size_t read = 0;
  std::thread reader([&] {
    char buffer[10'000];
    for (ssize_t n; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;) read += static_cast<size_t>(n);
  });
  EXPECT_TRUE(write_all(ends[1], content, "a pipe"));
  ::close(ends[1]);
  reader.join();
  ::close(ends[0]);
  EXPECT_EQ(read, content.size());
}

TEST_F(File, WriteAllReportsAFullDisk) {
  const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(write_all(full.get(), "x", "/dev/full").error().message, "cannot write /dev/full: No space left on device");
}

TEST_F(File, ReplacesAFileAndLeavesNothingBeside) {
  ASSERT_TRUE(replace_file(path, "old", 0600));
  ASSERT_TRUE(replace_file(path, "new", 0640));
  EXPECT_EQ(read_file(path), "new");
  EXPECT_EQ(mode_of(path), 0640u);
  EXPECT_EQ(list(folder.path()), Names{"a"});
}

TEST_F(File, ReplacingGivesAReaderTheOldContentOrTheNew) {
  ASSERT_TRUE(replace_file(path, std::string(kLimit, 'x'), 0600));
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(replace_file(path, std::string(kLimit, "xy"[i % 2]), 0600));
    done = true;
  });
  while (!done) {
    const std::string content = read_file(path);
    EXPECT_EQ(content, std::string(kLimit, content.empty() ? 'x' : content[0]));
  }
  writer.join();
}

TEST_F(File, KeepsTheOldContentWhenReplacingFails) {
  fs::create_directories(path + "/full");
  EXPECT_EQ(replace_file(path, "new", 0600).error().message, "cannot replace " + path + ": Is a directory");
  EXPECT_EQ(list(folder.path()), Names{"a"});
  EXPECT_EQ(replace_file(folder / "no/a", "new", 0600).error().message,
            "cannot create " + (folder / "no/a.new") + ": No such file or directory");
}

TEST_F(File, ReplacesALinkAndNotItsTarget) {
  write_file(folder / "target", "kept");
  fs::create_symlink("target", path);
  ASSERT_TRUE(replace_file(path, "new", 0600));
  EXPECT_EQ(read_file(folder / "target"), "kept");
  EXPECT_FALSE(fs::is_symlink(path));
}

TEST_F(File, ReplacingIgnoresATemporaryFileLeftByACrash) {
  write_file(folder / "target", "kept");
  fs::create_symlink("target", path + ".new");
  ASSERT_TRUE(replace_file(path, "new", 0600));
  EXPECT_EQ(read_file(folder / "target"), "kept");

  write_file(path + ".new", "half of a longer con", 0666);
  ASSERT_TRUE(replace_file(path, "new", 0600));
  EXPECT_EQ(read_file(path), "new");
  EXPECT_EQ(mode_of(path), 0600u) << "a user who could write the old temporary file must not be able to write the new file";
}

TEST_F(File, MakesAFolderWithItsParents) {
  EXPECT_TRUE(make_directories(folder / "x/y/z"));
  EXPECT_TRUE(make_directories(folder / "x/y/z"));
  EXPECT_TRUE(is_directory(folder / "x/y/z"));
  write_file(path, "");
  EXPECT_FALSE(is_directory(path));
  EXPECT_EQ(make_directories(path + "/x").error().message, "cannot create the folder " + path + "/x: Not a directory");
}

TEST_F(File, RemovesATreeWithoutFollowingLinks) {
  write_file(folder / "outside/kept", "kept");
  write_file(folder / "tree/x/y", "");
  fs::create_directory_symlink(folder / "outside", folder / "tree/link");
  EXPECT_TRUE(remove_tree(folder / "tree"));
  EXPECT_TRUE(remove_tree(folder / "tree")) << "a missing tree is no error";
  EXPECT_EQ(list(folder.path()), Names{"outside"});
  EXPECT_EQ(read_file(folder / "outside/kept"), "kept");
}

TEST_F(File, SyncsATreeWithLinksAndFifos) {
  write_file(folder / "tree/x/y", "1");
  fs::create_symlink("/nowhere", folder / "tree/link");
  ASSERT_EQ(::mkfifo((folder / "tree/fifo").c_str(), 0600), 0);
  EXPECT_TRUE(sync_tree(folder / "tree"));
  EXPECT_EQ(sync_tree(folder / "no").error().message, "cannot list " + (folder / "no") + ": No such file or directory");
}

TEST(ReplaceFile, WorksBehindALinkAndRemovesAFolderInItsWay) {
  const tests::TempDir folder;
  ASSERT_TRUE(make_directories(folder / "other-disk"));
  ASSERT_EQ(::symlink("other-disk", (folder / "agent").c_str()), 0);
  tests::write_file(folder / "other-disk/.state.new/a/b", "");
  const auto replaced = replace_file(folder / "agent/.state", "new", 0600);
  ASSERT_TRUE(replaced) << replaced.error().message;
  EXPECT_EQ(tests::read_file(folder / "other-disk/.state"), "new");
  EXPECT_EQ(tests::list(folder / "other-disk"), std::vector<std::string>{".state"});
}

TEST_F(File, WarnsAboutAFolderThatOtherUsersMayWrite) {
  const std::string& it = folder.path();
  for (const unsigned mode : {0700u, 0755u, 0775u, 01755u}) {
    ASSERT_EQ(::chmod(it.c_str(), mode), 0);
    EXPECT_EQ(unsafe_permissions(it), "") << mode;
  }
  for (const unsigned mode : {0777u, 0702u, 01777u}) {
    ASSERT_EQ(::chmod(it.c_str(), mode), 0);
    EXPECT_EQ(unsafe_permissions(it), it + " is writable by every user: chmod go-w " + it) << mode;
  }
  EXPECT_EQ(unsafe_permissions(folder / "nothing"), "");

  if (::geteuid() != 0) return;  // the rest requires root
  ASSERT_EQ(::chmod(it.c_str(), 0775), 0);
  ASSERT_EQ(::chown(it.c_str(), 0, 54321), 0);
  EXPECT_EQ(unsafe_permissions(it), it + " is writable by group 54321: chmod g-w " + it);
  ASSERT_EQ(::chmod(it.c_str(), 0755), 0);
  EXPECT_EQ(unsafe_permissions(it), "");
  ASSERT_EQ(::chown(it.c_str(), 54321, 0), 0);
  EXPECT_EQ(unsafe_permissions(it),
            it + " belongs to user 54321, and that user can replace the programs there: chown it to the daemon's user");
}

TEST_F(File, WarnsAboutAPathBelowAFolderThatOtherUsersMayWrite) {
  const std::string parent = folder / "parent";
  const std::string it = parent + "/own/it";
  tests::write_file(it, "");
  EXPECT_EQ(unsafe_path(it), "");
  ASSERT_EQ(::chmod(parent.c_str(), 0777), 0);
  EXPECT_EQ(unsafe_path(it), parent + " is writable by every user: chmod go-w " + parent + " (" + it + " lies below it)");
  ASSERT_EQ(::symlink(it.c_str(), (folder / "link").c_str()), 0);
  EXPECT_EQ(unsafe_path(folder / "link"), unsafe_path(it)) << "the link leads there";
  ASSERT_EQ(::chmod(parent.c_str(), 01777), 0);
  EXPECT_EQ(unsafe_path(it), "") << "like /tmp";
  EXPECT_EQ(unsafe_path(folder / "nothing/at/all"), "");
  ASSERT_EQ(::geteuid(), 0U) << "the rest of this test needs root";
  ASSERT_EQ(::chmod(parent.c_str(), 0755), 0);
  ASSERT_EQ(::chown(parent.c_str(), 54321, 0), 0);
  EXPECT_TRUE(unsafe_path(it).starts_with(parent + " belongs to user 54321, and that user can replace ")) << unsafe_path(it);
  fs::create_symlink(folder / "parent/own", folder / "way");
  tests::write_file(folder / "safe/it", "");
  fs::create_symlink(folder / "safe", parent + "/way");
  EXPECT_TRUE(unsafe_path(parent + "/way/it").starts_with(parent + " belongs to user 54321")) << "the link can be replaced";
}

TEST(IsWithin, FollowsLinksAndDots) {
  const TempDir folder;
  write_file(folder / "a/b/file", "");
  fs::create_directory_symlink("a", folder / "link");
  fs::create_symlink("a/b/file", folder / "file");
  for (const std::string inner : {"a", "a/", "a/b", "a/b/file", "link/b", "file", "a/b/../b/file", "a/not/there"}) {
    for (const std::string outer : {"a", "link", "./a/", "a/b/..", "link/b/.."}) {
      EXPECT_TRUE(is_within(folder / inner, folder / outer)) << inner << " in " << outer;
    }
  }
  for (const std::string other : {"", "ab", "a/..", "link/..", "nothing"}) {
    EXPECT_FALSE(is_within(folder / other, folder / "a")) << other;
  }
  EXPECT_TRUE(is_within("x", ".")) << "relative to the working directory";
  EXPECT_TRUE(is_within(folder.path(), "/"));
  EXPECT_FALSE(is_within("/", folder.path()));
}

}  // namespace
}  // namespace ops::tests
