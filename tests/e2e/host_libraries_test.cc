// The binaries are static: they must work beside any glibc, so they may load no library of the host. glibc's name resolution,
// iconv and OpenSSL's openssl.cnf would load some. Each updater runs here through a whole upgrade, in a mount namespace of its
// own with another /etc/nsswitch.conf, while strace writes down which files it opens.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <sstream>

#include "common/base/text.h"
#include "tests/support/boxes.h"
#include "tests/support/mount_namespace.h"
#include "tests/support/tarball.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

/// The files below /lib and /usr that the trace names. strace leaves each process when it runs another program, so that only
/// the daemon itself is traced.
std::string opened_libraries(const std::string& trace) {
  std::istringstream lines(trace);
  std::string found;
  for (std::string line; std::getline(lines, line);) {
    if (line.find("execve(") != std::string::npos || line.find("open") == std::string::npos) continue;
    if (line.find("\"/lib") != std::string::npos || line.find("\"/usr/lib") != std::string::npos) found += line + "\n";
  }
  return found;
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // those builds are linked to the host's libraries

class HostLibraries : public testing::TestWithParam<const char*> {
 protected:
  HostLibraries() {
    write_file(etc_ / "nsswitch.conf", cat("hosts: ", GetParam(), "\n"));
    write_file(etc_ / "hosts", "127.0.0.1 localhost\n127.0.0.1 meta.test\n");
    write_file(etc_ / "resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");  // nothing serves there
  }

  /// Runs a program where these files stand in /etc, traced to `trace`.
  std::vector<std::string> wrapper(const std::string& trace) const {
    std::vector<std::string> words =
        own_mounts(cat("for file in nsswitch.conf hosts resolv.conf; do touch /etc/$file; mount --bind '", etc_.path(),
                       "'/$file /etc/$file; done"));
    words.insert(words.end(), {"strace", "-f", "-b", "execve", "-e", "trace=open,openat,openat2,execve", "-o", trace});
    return words;
  }

  /// Ends the daemon, and strace with it. (To kill strace would let the daemon go on.)
  static void stop(Box& box) {
    send_signal(box.daemon_pid(), SIGTERM);
    EXPECT_EQ(box.process().wait(), 0) << box.log();
  }

  TempDir etc_;
};

TEST_P(HostLibraries, AreNotLoadedInAWholeUpgrade) {
  const std::string agent = read_file(std::string(OPS_SOURCE_DIR) + "/tests/support/demo-agent/agent");
  const std::string control = read_file(std::string(OPS_SOURCE_DIR) + "/tests/support/demo-agent/control");
  MetaBox meta;
  for (const std::string version : {"1.0.0", "2.0.0"}) {
    // A name beyond ASCII has a pax header, which libarchive converts.
    meta.publish("demo-agent", version,
                 make_agent_tarball(control, {{"agent", agent}, {"gr\u00f6\u00dfe-\u72b6\u6001", version}}));
  }
  ASSERT_TRUE(meta.start({{"demo-agent", "1.0.0"}})) << meta.log();
  // The first name is nowhere. The second one is in /etc/hosts, which libcurl reads first only if "files" is the first word.
  UpdaterBox updater(cat("meta.nowhere:2000,meta.test:", meta.port(), ",", meta.address()));
  ASSERT_TRUE(updater.start_under(wrapper(updater / "trace"))) << updater.log();
  ASSERT_TRUE(eventually([&] { return meta.status("demo-agent").find(" 1.0.0 started ") != std::string::npos; }))
      << updater.log();
  ASSERT_TRUE(meta.assign({{"demo-agent", "2.0.0"}}));
  ASSERT_TRUE(eventually([&] { return meta.status("demo-agent").find(" 2.0.0 started ") != std::string::npos; }))
      << updater.log();
  const bool finds_name = updater.log().find(cat("http://meta.test:", meta.port())) != std::string::npos;
  EXPECT_EQ(finds_name, std::string(GetParam()).starts_with("files")) << updater.log();
  stop(updater);
  const std::string trace = read_file(updater / "trace");
  EXPECT_NE(trace.find("/etc/resolv.conf"), std::string::npos) << "the trace has nothing of a name's resolution:\n" << trace;
  EXPECT_EQ(opened_libraries(trace), "");
}

/// An ops-meta that listens on this address.
struct Listener : Box {
  explicit Listener(const std::string& address) : Box("ops-meta") {
    write_file(folder() + "/cfg.json", cat(R"({"http": {"listen": ")", address, R"("}, "agents": []})"));
  }
};

TEST_P(HostLibraries, AreNotLoadedByMetaThatListensOnAName) {
  const int port = free_port();
  Listener meta(cat("meta.test:", port));
  ASSERT_TRUE(meta.start_under(wrapper(meta / "trace"))) << meta.log();
  EXPECT_EQ(get(port, "/health").body, "ok");
  stop(meta);
  EXPECT_EQ(opened_libraries(read_file(meta / "trace")), "");
}

TEST_P(HostLibraries, AreNotLoadedForANameThatNoServerKnows) {
  Listener meta("meta.nowhere:2000");
  EXPECT_FALSE(meta.start_under(wrapper(meta / "trace")));
  EXPECT_EQ(meta.process().wait(), 2);
  EXPECT_NE(meta.log().find("cannot listen on meta.nowhere:2000: cannot resolve meta.nowhere: "), std::string::npos)
      << meta.log();
  EXPECT_EQ(opened_libraries(read_file(meta / "trace")), "");
}

// The defaults of Debian, of RHEL, of Arch (where a module comes before /etc/hosts) and of Ubuntu.
INSTANTIATE_TEST_SUITE_P(Lines, HostLibraries,
                         testing::Values("files dns", "files dns myhostname",
                                         "mymachines resolve [!UNAVAIL=return] files myhostname dns",
                                         "files mdns4_minimal [NOTFOUND=return] resolve [!UNAVAIL=return] dns"));

#endif

}  // namespace
}  // namespace ops::tests
