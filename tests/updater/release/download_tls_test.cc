// The updater's requests over TLS, to a server of ours.

#include <gtest/gtest.h>

#include "common/http/server.h"
#include "common/tls/tls.h"
#include "tests/support/certificates.h"
#include "tests/updater/release/download_fixture.h"

namespace ops::updater {
namespace {

using tests::Authority;
using tests::Issued;

struct DownloadTls : testing::Test {
  DownloadTls() {
    use(ca.issue("meta"));
    HttpServerOptions options;
    options.tls = &tls;
    auto listening = HttpServer::listen({"127.0.0.1", 0}, options, [this](const HttpRequest& request) {
      if (request.path == "/away") return HttpResponse::redirect(redirect_to);
      return HttpResponse::text(200, "hello");
    });
    EXPECT_TRUE(listening) << listening.error().message;
    server = std::move(*listening);
    access.tls.ca = ca.cert();
    access.sessions = make_sessions();
  }

  void use(const Issued& own, const std::string& client_ca = "") {
    const auto loaded = tls.load({own.cert, own.key, client_ca});
    EXPECT_TRUE(loaded) << loaded.error().message;
  }
  std::string url(const std::string& path, const std::string& host = "127.0.0.1") const {
    return "https://" + host + ":" + std::to_string(server->port()) + path;
  }
  std::string get(const std::string& from) const {
    const auto reply = get_small(from, 1000, seconds(5), {}, access);
    return reply ? reply->body : reply.error().message;
  }

  Authority ca;
  TlsServer tls;
  std::string redirect_to;
  ClientCredentials access;
  std::unique_ptr<HttpServer> server;
};

TEST_F(DownloadTls, ResumesSessionsOfTheSameSettings) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(get(url("/")), "hello");
  EXPECT_EQ(tls.handshakes().all, 3);
  EXPECT_EQ(tls.handshakes().resumed, 2);
  const auto heartbeat = post_json(url("/heartbeat"), "{}", 1000, seconds(5), {}, access);
  EXPECT_TRUE(heartbeat) << heartbeat.error().message;
  EXPECT_EQ(tls.handshakes().resumed, 3);
  access.sessions = make_sessions();
  EXPECT_EQ(get(url("/")), "hello");
  EXPECT_EQ(tls.handshakes().resumed, 3);
}

TEST_F(DownloadTls, ChecksTheHostsNameInTheUrl) {
  EXPECT_EQ(get(url("/", "localhost")), "hello");
  use(ca.issue("meta", {.names = "DNS:meta.example"}));
  access.sessions = make_sessions();
  const std::string error = get(url("/"));
  EXPECT_HAS(error, url("/") + ": the certificate is for another host: meta, meta.example (");
}

TEST_F(DownloadTls, ChecksTheCertificateDespiteASessionWithOtherSettings) {
  EXPECT_EQ(get(url("/")), "hello");
  const Authority other("Other CA");
  access.tls.ca = other.cert();
  EXPECT_HAS(get(url("/")), "the certificate of CN=meta was issued by CN=Test CA, which is not in " + other.cert());
}

TEST_F(DownloadTls, FollowsNoRedirectToHttp) {
  FakeServer plain{always_sends(tests::http_reply(200, "plain"))};
  redirect_to = plain.url("/");
  EXPECT_HAS(get(url("/away")), "the updater does not follow a redirect from https:// to http://");
  EXPECT_TRUE(plain.requests().empty());
  redirect_to = url("/elsewhere");
  EXPECT_EQ(get(url("/away")), "hello");
}

TEST_F(DownloadTls, NamesUnusableFiles) {
  const tests::TempDir folder;
  access.tls.ca = folder / "none.pem";
  EXPECT_HAS(get(url("/")), "tls: cannot open " + (folder / "none.pem") + ": No such file or directory");
  const Issued own = ca.issue("h1");
  access.tls = {own.cert, tests::encrypted(own.key), ca.cert()};
  EXPECT_HAS(get(url("/")), "tls: " + own.key + ".enc is encrypted, and a daemon cannot ask for the passphrase");
  access.tls = {own.cert, ca.issue("h2").key, ca.cert()};
  EXPECT_HAS(get(url("/")), " is not the key of the certificate in " + own.cert + ", CN=h1");
}

TEST_F(DownloadTls, SendsItsCertificateToAServerThatAsks) {
  const Issued own = ca.issue("h1");
  access.tls = {own.cert, own.key, ca.cert()};
  use(ca.issue("meta"), ca.cert());
  EXPECT_EQ(get(url("/")), "hello");
  const Authority other("Other CA");
  const Issued strange = other.issue("h1");
  access.tls = {strange.cert, strange.key, ca.cert()};
  access.sessions = make_sessions();
  EXPECT_HAS(get(url("/")), "the server refuses this host's certificate: look at \"tls\" in cfg.json");
}

}  // namespace
}  // namespace ops::updater
