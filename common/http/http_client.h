#pragma once

// One HTTP request and its reply, by libcurl.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/http/proxy.h"
#include "common/http/reply_header.h"
#include "common/tls/certificates.h"

namespace ops {

/// A cache of TLS sessions: the next connection to the same server resumes its session without a full handshake. Synchronises
/// itself.
class TlsSessionCache;
std::shared_ptr<TlsSessionCache> make_sessions();

/// How a daemon reaches servers, authenticates to them, and which it trusts: an https:// server needs a certificate that is
/// issued by `tls.ca` (the system's CAs if "") and names the host in the URL. This check cannot be switched off.
struct ClientCredentials {
  std::string token;                 // a secret, sent as Bearer, or as Basic when it is user:password; "" for none
  std::vector<std::string> servers;  // base URLs; the token is sent to their schemes, hosts and ports only
  TlsFiles tls;                      // read for each connection
  std::shared_ptr<TlsSessionCache> sessions = {};     // nullptr: TLS sessions are not cached
  std::map<std::string, std::string> passwords = {};  // secrets: user:password by server, sent instead of the token
  std::optional<ProxySettings> proxy = {};            // nullopt: no proxy, also none of the environment
  bool past_caches = false;                           // ask caches on the way for a fresh copy
  std::string program = "ops-updater";                // in the User-Agent
};

class HttpClient {
 public:
  /// `max_size` is in bytes, and limits the body of the reply and of each redirect. `access` is used by the constructor only.
  /// A user and password in `url` are sent instead of the token or password in `access`.
  HttpClient(const std::string& url, uint64_t max_size, std::stop_token cancel, const ClientCredentials& access);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Set the request up, before run(). The default is a GET of the whole file that does not follow redirects.
  void add_header(const std::string& line);
  void post(const std::string& body);  // must live until run() returns
  void ask_from(uint64_t offset);      // the file from this byte on
  void follow_redirects();
  void connect_within(std::chrono::seconds time);  // 10 s by default
  void end_after(std::chrono::seconds time);
  void end_when_slower(uint64_t bytes_per_second, std::chrono::seconds duration);

  /// Receives the body piece by piece, with any status. It returns false to end the transfer, after refuse().
  using Take = std::function<bool(std::string_view)>;

  /// Sends the request and receives the reply; to be called once. Success is a complete reply, with any status.
  Result<void> run(const Take& take);

  /// Sets the reason why a Take ends the transfer: run()'s error. Returns false.
  bool refuse(std::string why);
  bool refuse_size();  // the reply is longer than `max_size`

  const std::string& url() const { return url_; }          // without a password
  const std::string& refusal() const { return refusal_; }  // "" when nothing was refused
  // Valid from the first call of `take` on:
  long status() const;
  /// "HTTP status 401", and what to do about it.
  std::string status_text() const;
  const ReplyHeader& reply() const { return reply_; }  // after redirects the last reply's
  std::optional<uint64_t> body_size() const;           // nullopt when the reply has no Content-Length

 private:
  struct Transfer;

  const std::string url_;
  const uint64_t max_size_;
  const std::stop_token cancel_;
  ReplyHeader reply_;
  std::string refusal_;
  const std::unique_ptr<Transfer> transfer_;
};

}  // namespace ops
