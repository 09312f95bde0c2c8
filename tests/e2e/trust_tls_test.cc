// TLS between the real daemons. The side that rejects a certificate logs the reason, and running agents keep running.

#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <ctime>

#include "tests/support/boxes.h"
#include "tests/support/measure.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using Versions = std::vector<std::string>;

/// An ops-meta with TLS. It assigns demo-agent 1.0.0 and also serves 2.0.0.
struct TlsMeta : MetaBox {
  explicit TlsMeta(const Issued& own, const std::string& client_ca = "") {
    publish("demo-agent", "1.0.0", demo_agent_tarball("one"));
    publish("demo-agent", "2.0.0", demo_agent_tarball("two"));
    set_tls(own, client_ca);
    EXPECT_TRUE(start({{"demo-agent", "1.0.0"}})) << log();
  }
};

struct TrustTls : testing::Test {
  static bool logs(const Box& box, const std::string& text) {
    const bool found = eventually([&] { return contains(box.log(), text); });
    if (!found) ADD_FAILURE() << "no \"" << text << "\" in " << box.log();
    return found;
  }
  static bool runs(const UpdaterBox& host, const std::string& version) {
    return eventually([&] { return host.running("demo-agent") == Versions{version}; });
  }
  /// The output of the stock curl, which trusts `ca`: the body and the status code.
  std::string curl(const std::vector<std::string>& words) const {
    std::vector<std::string> command = {"curl", "-sS", "-w", " %{http_code}", "--cacert", ca.cert(), "--max-time", "50"};
    command.insert(command.end(), words.begin(), words.end());
    return run(command).output;
  }

  Authority ca;
  const Issued expired = ca.issue("meta", {.from = "20200101000000Z", .until = "20210101000000Z"});
};

TEST_F(TrustTls, CarriesHeartbeatsAndTarballs) {
  TlsMeta meta(ca.issue("meta"));
  write_file(meta / "tarball/large", std::string(5'000'000, 'x'));
  UpdaterBox host(meta.url(), {.more = tls_config(ca.cert())});
  ASSERT_TRUE(host.start()) << host.log();
  EXPECT_TRUE(runs(host, "1.0.0")) << host.log();
  ASSERT_TRUE(meta.assign({{"demo-agent", "2.0.0"}}));
  EXPECT_TRUE(runs(host, "2.0.0")) << host.log();
  EXPECT_EQ(curl({meta.url("/health")}), "ok 200");
  EXPECT_EQ(curl({"-o", "/dev/null", "-w", "%{size_download}", meta.url("/large")}), "5000000");
  EXPECT_EQ(curl({"-r", "4999990-", meta.url("/large")}), "xxxxxxxxxx 206");
  EXPECT_TRUE(contains(curl({"--tls-max", "1.2", meta.url("/health")}), "ok 200"));
  EXPECT_FALSE(contains(curl({"--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0", meta.url("/health")}), " 200"));
}

/// A bad server certificate, and the words that the updater logs about it.
struct BadServer {
  std::string name;
  Issued issued;
  std::vector<std::string> words;
};

TEST_F(TrustTls, AServerWithABadCertificateIsRejectedAndAgentsKeepRunning) {
  const Issued good = ca.issue("meta");
  const Authority other("Other CA");
  const Authority namesake("Test CA");
  const TempDir folder;
  const BadServer bad[] = {
      {"another host's",
       ca.issue("elsewhere", {.names = "DNS:elsewhere.example,IP:10.0.0.1"}),
       {"the certificate is for another host: elsewhere, elsewhere.example, 10.0.0.1 (", "127.0.0.1"}},
      {"self-signed", self_signed(folder, "meta"), {"the certificate of CN=meta is self-signed and is not in " + ca.cert()}},
      {"another CA's",
       other.issue("meta"),
       {"the certificate of CN=meta was issued by CN=Other CA, which is not in " + ca.cert()}},
      {"of another CA with the same name", namesake.issue("meta"), {"Test CA", ca.cert()}}};
  TlsMeta meta(good);
  UpdaterBox host(meta.url(), {.more = tls_config(ca.cert())});
  ASSERT_TRUE(host.start()) << host.log();
  ASSERT_TRUE(runs(host, "1.0.0")) << host.log();
  const pid_t agent = host.agent_pid("demo-agent", "1.0.0");
  for (const BadServer& entry : bad) {
    SCOPED_TRACE(entry.name);
    meta.set_tls(entry.issued);
    ASSERT_TRUE(meta.assign({{"demo-agent", "2.0.0"}})) << meta.log();
    const size_t before = host.log().size();
    host.process().signal(SIGHUP);  // makes the updater drop its TLS session
    const auto logged = [&] { return host.log().substr(before); };
    EXPECT_TRUE(eventually([&] { return contains(logged(), "no answer from ops-meta: " + meta.url("/heartbeat") + ": "); }));
    for (const std::string& words : entry.words) EXPECT_TRUE(contains(logged(), words)) << words << "\n" << logged();
    EXPECT_EQ(host.agent_pid("demo-agent", "1.0.0"), agent);
    EXPECT_FALSE(exists(host.agent("demo-agent") + "/2.0.0"));
    meta.set_tls(good);
    ASSERT_TRUE(meta.assign({{"demo-agent", "1.0.0"}})) << meta.log();
    EXPECT_TRUE(eventually([&] { return contains(logged(), "ops-meta answers again"); })) << logged();
  }
  EXPECT_EQ(host.agent_pid("demo-agent", "1.0.0"), agent);
}

// ops-meta refuses to start with such a certificate, so openssl serves it.
TEST_F(TrustTls, AServerWithAnExpiredOrFutureCertificateIsRejected) {
  const BadServer bad[] = {
      {"expired",
       expired,
       {"the certificate of CN=meta expired ", " days ago, at 2021-01-01 00:00:00 UTC; the clock of this host is at 20"}},
      {"not yet valid, or a clock that is years behind",
       ca.issue("meta", {.from = "20900101000000Z"}),
       {"the certificate of CN=meta is not valid before 2090-01-01 00:00:00 UTC, in ",
        " days; the clock of this host is at 20"}}};
  for (const BadServer& entry : bad) {
    const TempDir folder;
    const Process server(
        {"openssl", "s_server", "-www", "-accept", "127.0.0.1:0", "-cert", entry.issued.cert, "-key", entry.issued.key},
        folder.path(), folder / "out");
    const std::string mark = "ACCEPT ";
    ASSERT_TRUE(eventually([&] { return contains(read_file(folder / "out"), mark); })) << read_file(folder / "out");
    std::string address = read_file(folder / "out");
    address = address.substr(address.find(mark) + mark.size());
    UpdaterBox host("https://" + address.substr(0, address.find('\n')), {.more = tls_config(ca.cert())});
    ASSERT_TRUE(host.start()) << host.log();
    for (const std::string& words : entry.words) logs(host, words);
  }
}

TEST_F(TrustTls, ACertificateIsReplacedWithoutARestartAndABadOneIsRefused) {
  TlsMeta meta(ca.issue("meta"));
  const pid_t pid = meta.daemon_pid();
  const Authority newer("Newer CA");
  const Issued renewed = newer.issue("meta");
  meta.set_tls(renewed);
  ASSERT_TRUE(meta.assign({})) << meta.log();
  EXPECT_TRUE(contains(run({"curl", "-sS", "--cacert", newer.cert(), meta.url("/health")}).output, "ok"));
  const Issued other = newer.issue("other");
  const std::pair<Issued, std::string> bad[] = {
      {{renewed.cert, other.key}, other.key + " is not the key of the certificate in " + renewed.cert + ", CN=meta"},
      {{renewed.cert, meta / "none.key"}, "cannot open " + (meta / "none.key") + ": No such file or directory"},
      {{renewed.key, renewed.key}, renewed.key + " contains no certificate"},
      {{renewed.cert, encrypted(renewed.key)}, renewed.key + ".enc is encrypted, and a daemon cannot ask for the passphrase"},
      {{renewed.cert, ""}, "http.tls.key: is missing"},
      {expired, expired.cert + ": the certificate of CN=meta expired "}};
  for (const auto& [issued, words] : bad) {
    meta.set_tls(issued);
    EXPECT_FALSE(meta.assign({}));
    EXPECT_TRUE(contains(meta.log(), words)) << words << meta.log();
    EXPECT_TRUE(contains(meta.log(), "the old one stays: " + (meta / "cfg.json") + ": error: http.tls"));
    EXPECT_TRUE(contains(run({"curl", "-sS", "--cacert", newer.cert(), meta.url("/health")}).output, "ok"));
    const Finished check = run({meta / "ops-meta", "-t", "-c", meta / "cfg.json"});
    EXPECT_EQ(check.exit_code, 2);
    EXPECT_TRUE(contains(check.output, words)) << check.output;
    Box fresh("ops-meta");
    write_file(fresh / "cfg.json", read_file(meta / "cfg.json"));
    const Finished start = run({fresh / "ops-meta", "-c", fresh / "cfg.json"});
    EXPECT_EQ(start.exit_code, 2);
    EXPECT_TRUE(contains(start.output, words)) << start.output;
  }
  EXPECT_EQ(meta.daemon_pid(), pid);
}

TEST_F(TrustTls, FilesAreRelativeToTheDaemonsFolder) {
  const Issued own = ca.issue("meta");
  MetaBox meta;
  write_file(meta / "meta.pem", read_file(own.cert));
  write_file(meta / "meta.key", read_file(own.key), 0600);
  meta.set_tls({"meta.pem", "meta.key"});
  ASSERT_TRUE(meta.start({})) << meta.log();
  EXPECT_EQ(curl({meta.url("/health")}), "ok 200");
  EXPECT_EQ(run({meta / "ops-meta", "-t", "-c", meta / "cfg.json"}, "/").exit_code, 0);
}

TEST_F(TrustTls, AWrongSchemeIsNamedInTheError) {
  TlsMeta meta(ca.issue("meta"));
  EXPECT_EQ(meta.get("/health").status, 400);
  EXPECT_EQ(meta.get("/health").body, "this port speaks TLS: ask for https://\n");
  UpdaterBox host("http://" + meta.address());
  ASSERT_TRUE(host.start()) << host.log();
  logs(host, "/heartbeat: HTTP status 400: this port speaks TLS: ask for https://");
  MetaBox plain;
  ASSERT_TRUE(plain.start({})) << plain.log();
  UpdaterBox other("https://" + plain.address(), {.more = tls_config(ca.cert())});
  ASSERT_TRUE(other.start()) << other.log();
  logs(other, "https://" + plain.address() + "/heartbeat: ");
  logs(other, "the server does not speak TLS: should the URL begin with http://?");
}

TEST_F(TrustTls, AHostnameMustBeInTheClientCertificate) {
  TlsMeta meta(ca.issue("meta"), ca.cert());
  const Issued h1 = ca.issue("h1", {.names = "DNS:h1.example"});
  UpdaterBox host(meta.url(), {.hostname = "h1", .more = tls_config(ca.cert(), h1)});
  ASSERT_TRUE(host.start()) << host.log();
  EXPECT_TRUE(runs(host, "1.0.0")) << host.log();
  UpdaterBox by_dns(meta.url(), {.hostname = "h1.example", .more = tls_config(ca.cert(), h1)});
  ASSERT_TRUE(by_dns.start()) << by_dns.log();
  EXPECT_TRUE(eventually([&] { return contains(meta.get_as_owner("/status/text/demo-agent").body, "h1.example "); }));
  UpdaterBox liar(meta.url(), {.hostname = "h2", .more = tls_config(ca.cert(), h1)});
  ASSERT_TRUE(liar.start()) << liar.log();
  logs(liar,
       "HTTP status 403: the heartbeat is from host h2, but the "
       "client's certificate names h1, h1.example");
  EXPECT_EQ(curl({meta.url("/demo-agent/demo-agent-1.0.0.tar.gz.md5")}),
            "a certificate is missing: this ops-meta requires a client certificate (http.tls.clientCa)\n 403");
  EXPECT_TRUE(contains(curl({"--cert", h1.cert, "--key", h1.key, meta.url("/status/text/demo-agent")}), "h1 1.0.0 started"));
  EXPECT_EQ(curl({meta.url("/health")}), "ok 200");
}

TEST_F(TrustTls, AHostWithABadCertificateIsRefusedAndBothSidesLogWhy) {
  TlsMeta meta(ca.issue("meta"), ca.cert());
  const Authority other("Other CA");
  UpdaterBox none(meta.url(), {.more = tls_config(ca.cert())});
  ASSERT_TRUE(none.start()) << none.log();
  logs(none, "HTTP status 403: a certificate is missing: ");
  UpdaterBox strange(meta.url(), {.more = tls_config(ca.cert(), other.issue("h1"))});
  ASSERT_TRUE(strange.start()) << strange.log();
  logs(strange, "the server refuses this host's certificate: look at \"tls\" in cfg.json");
  logs(meta, "no TLS with 127.0.0.1: the certificate of CN=h1 was issued by CN=Other CA, which is not in " + ca.cert());
  const Issued old = ca.issue("h1", {.from = "20200101000000Z", .until = "20210101000000Z"});
  UpdaterBox late(meta.url(), {.more = tls_config(ca.cert(), old)});
  ASSERT_TRUE(late.start()) << late.log();
  logs(late, "tls: " + old.cert + ": the certificate of CN=h1 expired ");
  logs(late, "certificate expired");
}

// The client of a resumed session sends no certificate, so ops-meta must check the expiry again.
TEST_F(TrustTls, AHostWithAnExpiredCertificateIsRefusedAlsoInAResumedSession) {
  TlsMeta meta(ca.issue("meta"), ca.cert());
  const std::time_t soon = std::time(nullptr) + 15;  // a slow machine needs some seconds until the first heartbeat
  std::array<char, 32> until;
  std::strftime(until.data(), until.size(), "%Y%m%d%H%M%SZ", std::gmtime(&soon));
  UpdaterBox host(meta.url(), {.hostname = "h1", .more = tls_config(ca.cert(), ca.issue("h1", {.until = until.data()}))});
  ASSERT_TRUE(host.start()) << host.log();
  EXPECT_TRUE(eventually([&] { return contains(meta.get_as_owner("/status/text/demo-agent").body, "h1 "); })) << host.log();
  logs(host, "alert certificate expired");
}

TEST_F(TrustTls, AHostWithBadTlsFilesManagesItsAgentsAndLogsTheFile) {
  TlsMeta meta(ca.issue("meta"));
  UpdaterBox host(meta.url(), {.more = tls_config(ca.cert())});
  ASSERT_TRUE(host.start()) << host.log();
  ASSERT_TRUE(runs(host, "1.0.0")) << host.log();
  const pid_t agent = host.agent_pid("demo-agent", "1.0.0");
  const std::string config = read_file(host / "cfg.json");
  std::string bad = config;
  bad.replace(bad.find(ca.cert()), ca.cert().size(), host / "none.pem");
  write_file(host / "cfg.json", bad);
  const std::string words = "tls: cannot open " + (host / "none.pem") + ": No such file or directory";
  EXPECT_TRUE(contains(get(host.port(), "/config/reload").body, words));
  const Finished check = run({host / "ops-updater", "-t", "-c", host / "cfg.json"});
  EXPECT_EQ(check.exit_code, 2);
  EXPECT_TRUE(contains(check.output, words)) << check.output;
  host.process().stop();
  ASSERT_TRUE(host.start()) << host.log();
  logs(host, "error " + (host / "cfg.json") + ": " + words);
  logs(host, "no answer from ops-meta: " + meta.url("/heartbeat") + ": " + words);
  EXPECT_EQ(host.agent_pid("demo-agent", "1.0.0"), agent);
  write_file(host / "cfg.json", config);
  host.process().signal(SIGHUP);
  logs(host, "ops-meta answers again");
}

TEST_F(TrustTls, AHostWithoutAConfiguredCaUsesTheSystemsCas) {
  TlsMeta meta(ca.issue("meta"));
  UpdaterBox host(meta.url());
  ASSERT_TRUE(host.start()) << host.log();
  logs(host, "the certificate of CN=meta was issued by CN=Test CA, which is not in ");
}

}  // namespace
}  // namespace ops::tests
