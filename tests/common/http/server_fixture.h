#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "common/http/server.h"
#include "tests/support/http.h"

namespace ops::tests {

/// A server on a port that the kernel chooses. It remembers the last request.
struct HttpServerTest : testing::Test {
  HttpServerTest() : HttpServerTest([](const HttpRequest&) { return HttpResponse::text(200, "hello"); }) {}

  explicit HttpServerTest(HttpHandler handler, const HttpServerOptions& options = {}) : handler_(std::move(handler)) {
    auto listening = HttpServer::listen({"127.0.0.1", 0}, options, [this](const HttpRequest& request) {
      const std::lock_guard lock(mutex_);
      last_ = request;
      ++handled;
      return handler_(request);
    });
    EXPECT_TRUE(listening) << listening.error().message;
    server = std::move(*listening);
  }

  int port() const { return server->port(); }

  HttpRequest last() {
    const std::lock_guard lock(mutex_);
    return last_;
  }

  /// The response to these bytes. The client keeps its sending side open.
  HttpReply reply_to(const std::string& bytes) const { return parse_reply(reply_bytes(bytes)); }

  std::string reply_bytes(const std::string& bytes) const {
    const RawConnection connection(port());
    connection.send(bytes);
    return connection.read_all();
  }

  std::atomic<int> handled = 0;
  std::unique_ptr<HttpServer> server;

 private:
  HttpHandler handler_;
  std::mutex mutex_;
  HttpRequest last_;  // guarded by mutex_
};

inline std::string post(const std::string& headers, const std::string& body = "") {
  return "POST /heartbeat HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + headers + "\r\n" + body;
}

inline const std::string kKeptPost = "POST /heartbeat HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody";

}  // namespace ops::tests
