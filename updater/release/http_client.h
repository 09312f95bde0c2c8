#pragma once

// One HTTP exchange of the updater with a server, by libcurl: whom we trust, who we say we are, and how long we wait.

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
#include "common/tls/certificates.h"

namespace ops::updater {

/// TLS sessions with servers, so that the next connection costs no full handshake. Synchronises itself.
class TlsSessionCache;
std::shared_ptr<TlsSessionCache> make_sessions();

/// Who we are to servers, and which ones are trusted: over https:// their certificates must be from `tls.ca` (the system's CAs
/// if ""), and for the host in the URL. There is no way to do without.
struct ClientCredentials {
  std::string token;                 // a secret, sent as Bearer, or as Basic when it is user:password; "" for none
  std::vector<std::string> servers;  // base URLs. The token goes to the scheme, host and port of each of them, nowhere else
  TlsFiles tls;                      // read for each connection
  std::shared_ptr<TlsSessionCache> sessions = {};     // none: none are kept
  std::map<std::string, std::string> passwords = {};  // secrets, user:password by server: sent there instead of the token
};

/// "the server says 401", and what to do about that.
std::string status_text(long status, const std::string& url, const ClientCredentials& access);

/// The reply's header fields that somebody here needs; of the last reply when there were redirects.
struct ReplyHeader {
  std::string etag;
  std::string last_modified;
  std::string content_range;
  std::string retry_after;
  std::string date;
};

class HttpClient {
 public:
  /// `max_size`: bytes that the reply's body may have, and that of a redirect. `access` is borrowed while this is made. A user
  /// and password in `url` are sent instead of what `access` has.
  HttpClient(const std::string& url, uint64_t max_size, std::stop_token cancel, const ClientCredentials& access);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // What to ask for, and for how long; before run(). A GET of the whole, unless one of these says else.
  void add_header(const std::string& line);
  void post(const std::string& body);  // borrowed until run() returns
  void ask_from(uint64_t offset);      // the bytes from there on
  void follow_redirects();
  void end_after(std::chrono::seconds time);
  void end_when_slower(uint64_t bytes_per_second, std::chrono::seconds for_so_long);

  /// Gets the body's bytes as they come, whatever the status. False ends the exchange; refuse() says why.
  using Take = std::function<bool(std::string_view)>;

  /// Once. An error says what went wrong, and what to do; success is any reply that came whole.
  Result<void> run(const Take& take);

  bool refuse(std::string why);  // false
  bool refuse_size();            // false; that it is longer than `max_size`

  const std::string& url() const { return url_; }          // without its password
  const std::string& refusal() const { return refusal_; }  // "" when there was none
  // From the first call of `take` on:
  long status() const;
  const ReplyHeader& reply() const { return reply_; }
  std::optional<uint64_t> body_size() const;  // when the server said so

 private:
  struct Transfer;

  const std::string url_;
  const uint64_t max_size_;
  const std::stop_token cancel_;
  ReplyHeader reply_;
  std::string refusal_;
  const std::unique_ptr<Transfer> transfer_;
};

}  // namespace ops::updater
