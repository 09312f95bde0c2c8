// The binaries need no other file of the machine: each runs in a root folder with the binary, its config, /etc/hosts and
// /etc/resolv.conf.

#include <gtest/gtest.h>
#include <openssl/opensslv.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <set>
#include <sstream>

#include "common/base/text.h"
#include "common/http/server.h"
#include "tests/support/http.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;

/// Whether this user may call chroot: root may, and others may where the kernel permits user namespaces.
bool may_change_root() { return ::geteuid() == 0 || run({"unshare", "--map-root-user", "chroot", "/", "true"}).exit_code == 0; }

/// A binary and its config in an otherwise empty root folder. Where chroot is not permitted, the binary runs in that folder
/// without chroot, and only mapped_files() shows that it needs no other file. Sanitizer builds are linked dynamically, so they
/// cannot use this.
class EmptyRoot {
 public:
  EmptyRoot(const std::string& binary, const std::string& config) : binary_(binary) {
    fs::copy_file(std::string(OPS_BUILD_DIR) + "/" + binary, root_ / binary);
    write_file(root_ / "cfg.json", config);
    write_file(root_ / "etc/hosts", "127.0.0.1 meta.example\n");
    write_file(root_ / "etc/resolv.conf", "nameserver 127.0.0.1\n");
  }

  Process start() const {
    fs::create_directories(root_ / "var");
    if (!may_change_root())
      return Process({root_ / binary_, "-c", root_ / "cfg.json", "-l", root_ / "var/app.log"}, "", root_ / "out");
    std::vector<std::string> command = {"chroot", root_.path(), "/" + binary_, "-c", "/cfg.json", "-l", "/var/app.log"};
    if (::geteuid() != 0) command.insert(command.begin(), {"unshare", "--map-root-user"});
    return Process(command, "", root_ / "out");
  }

  std::string log() const { return read_file(root_ / "var/app.log") + read_file(root_ / "out"); }
  bool serves() const { return !trim(read_file(root_ / "var/app.pid")).empty(); }

  /// The files that are mapped into the process's memory.
  static std::set<std::string> mapped_files(const Process& process) {
    std::istringstream maps(read_file(cat("/proc/", process.pid(), "/maps")));
    std::set<std::string> files;
    for (std::string line; std::getline(maps, line);) {
      if (const size_t path = line.find('/'); path != std::string::npos) files.insert(line.substr(path));
    }
    return files;
  }
  std::set<std::string> itself() const { return {fs::canonical(root_ / binary_)}; }

 private:
  TempDir root_;
  const std::string binary_;
};

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

TEST(EmptyRoot, IsEnoughForTheUpdaterToRunAndToResolveAName) {
  std::atomic<int> heartbeats = 0;
  const auto meta = HttpServer::listen({"127.0.0.1", 0}, {}, [&](const HttpRequest&) {
    ++heartbeats;
    return HttpResponse::json(R"({"errorMessage":"","desiredAgents":null})");
  });
  ASSERT_TRUE(meta);
  const std::string name =
      may_change_root() ? "meta.example" : "localhost";  // without chroot, the machine's /etc/hosts applies
  const EmptyRoot root("ops-updater", cat(R"({"server": ")", name, ":", (*meta)->port(),
                                          R"(", "interval": 1, "http": {"listen": "127.0.0.1:0"}})"));
  Process updater = root.start();
  EXPECT_TRUE(eventually([&] { return heartbeats >= 2; })) << root.log();
  EXPECT_EQ(EmptyRoot::mapped_files(updater), root.itself());
  EXPECT_EQ(updater.stop(), 0) << root.log();
}

TEST(EmptyRoot, IsEnoughForMetaToRun) {
  const int port = free_port();
  const EmptyRoot root("ops-meta", cat(R"({"http": {"listen": "127.0.0.1:)", port, R"("}, "agents": []})"));
  Process meta = root.start();
  ASSERT_TRUE(eventually([&] { return root.serves(); })) << root.log();
  EXPECT_EQ(EmptyRoot::mapped_files(meta), root.itself());
  EXPECT_EQ(get(port, "/health").body, "ok");
  EXPECT_EQ(http(port, "POST", "/heartbeat", R"({"hostname": "h1"})").status, 200);
  EXPECT_EQ(get(port, "/status/host/h1").status, 200);
  EXPECT_EQ(meta.stop(), 0) << root.log();
}

// Otherwise two machines would build different binaries.
TEST(Binaries, ContainNoPathOfTheBuildMachine) {
  for (const std::string binary : {"ops-meta", "ops-updater"}) {
    const std::string bytes = read_file(std::string(OPS_BUILD_DIR) + "/" + binary);
    for (const std::string path : {OPS_SOURCE_DIR "/", OPS_BUILD_DIR "/", OPS_DEPS_DIR "/"}) {
      const size_t at = bytes.find(path);
      EXPECT_EQ(at, std::string::npos) << binary << " contains " << bytes.substr(at, 200).c_str();
    }
  }
}

// OpenSSL is most of a binary. 3.5 has QUIC and post-quantum algorithms, which the linker cannot leave out. Both daemons also
// have libcurl and libarchive.
constexpr uintmax_t kMostBytes = OPENSSL_VERSION_PREREQ(3, 5) ? 12'500'000 : 9'500'000;

TEST(Binaries, AreStaticAndSmall) {
  const TempDir scratch;
  for (const std::string binary : {"ops-meta", "ops-updater"}) {
    const std::string path = std::string(OPS_BUILD_DIR) + "/" + binary;
    EXPECT_NE(run({"file", path}).output.find("statically linked"), std::string::npos) << run({"file", path}).output;
    ASSERT_EQ(run({"strip", "-o", scratch / binary, path}).exit_code, 0);
    std::cout << binary << ": " << fs::file_size(scratch / binary) << " bytes stripped\n";
    EXPECT_LE(fs::file_size(scratch / binary), kMostBytes);
  }
}

#endif

}  // namespace
}  // namespace ops::tests
