#include "common/http/http_client.h"

#include <curl/curl.h>

#include <array>
#include <mutex>
#include <utility>

#include "common/base/version.h"
#include "common/http/error_text.h"
#include "common/protocol/url.h"
#include "common/tls/tls.h"

namespace ops {

class TlsSessionCache {
 public:
  TlsSessionCache() : share_(curl_share_init(), &curl_share_cleanup) {
    curl_share_setopt(share_.get(), CURLSHOPT_USERDATA, this);
    curl_share_setopt(share_.get(), CURLSHOPT_LOCKFUNC, lock);
    curl_share_setopt(share_.get(), CURLSHOPT_UNLOCKFUNC, unlock);
    curl_share_setopt(share_.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  }
  CURLSH* share() const { return share_.get(); }

 private:
  static void lock(CURL*, curl_lock_data what, curl_lock_access, void* context) {
    static_cast<TlsSessionCache*>(context)->mutexes_[what].lock();
  }
  static void unlock(CURL*, curl_lock_data what, void* context) {
    static_cast<TlsSessionCache*>(context)->mutexes_[what].unlock();
  }

  std::array<std::mutex, CURL_LOCK_DATA_LAST> mutexes_;
  const std::unique_ptr<CURLSH, decltype(&curl_share_cleanup)> share_;
};

std::shared_ptr<TlsSessionCache> make_sessions() { return std::make_shared<TlsSessionCache>(); }

namespace {

constexpr long kConnectTimeout = 10;  // seconds
constexpr long kMaxRedirects = 5;

/// "https://meta:2000" for any URL on that server; "" for a text that is not a URL.
std::string origin_of(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), &curl_url_cleanup);
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return {};
  const auto part = [&](CURLUPart which) {
    char* text = nullptr;
    curl_url_get(parsed.get(), which, &text, CURLU_DEFAULT_PORT);
    const std::unique_ptr<char, decltype(&curl_free)> owner(text, &curl_free);
    return to_lower(text == nullptr ? "" : text);
  };
  return cat(part(CURLUPART_SCHEME), "://", part(CURLUPART_HOST), ":", part(CURLUPART_PORT));
}

struct Secret {
  SentRequest::Secret kind = SentRequest::Secret::none;
  std::string text;  // a token or user:password; "" when there is none, and when the URL contains it
};

/// What to send with this URL. Only the servers in `access` get the token.
Secret secret_for(const std::string& url, const ClientCredentials& access) {
  if (!split_user(url).user.empty()) return {SentRequest::Secret::url_password, ""};
  const std::string origin = origin_of(url);
  for (const std::string& server : access.servers) {
    if (origin.empty() || origin_of(server) != origin) continue;
    const auto password = access.passwords.find(server);
    if (password != access.passwords.end()) return {SentRequest::Secret::server_password, password->second};
    return access.token.empty() ? Secret() : Secret{SentRequest::Secret::token, access.token};
  }
  return {};
}

}  // namespace

/// libcurl's handle for the transfer, and its callbacks.
struct HttpClient::Transfer {
  Transfer(HttpClient& exchange, const std::string& url, const ClientCredentials& access);
  ~Transfer() { curl_slist_free_all(headers); }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  void choose_proxy();
  void trust_servers();
  void authenticate();
  SentRequest sent() const;
  std::string explain(CURLcode code, const std::string& detail) const;

  static size_t on_header(char* data, size_t size, size_t count, void* context);
  static size_t on_body(char* data, size_t size, size_t count, void* context);
  static int on_progress(void* context, curl_off_t, curl_off_t received, curl_off_t, curl_off_t);
  static CURLcode on_tls_context(CURL*, void* context, void* certificate);

  template <typename Value>
  void set(CURLoption option, Value value) {
    curl_easy_setopt(curl.get(), option, value);
  }

  HttpClient& exchange;
  const std::shared_ptr<TlsSessionCache> sessions;  // outlive `curl`
  const TlsFiles tls;
  const std::optional<ProxySettings> proxy;
  const std::string origin;
  const Secret secret;
  ServerCertificate certificate;
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl{curl_easy_init(), &curl_easy_cleanup};
  curl_slist* headers = nullptr;
  const Take* take = nullptr;
  bool has_whole_header = false;
};

HttpClient::Transfer::Transfer(HttpClient& to, const std::string& url, const ClientCredentials& access)
    : exchange(to),
      sessions(access.sessions),
      tls(access.tls),
      proxy(access.proxy),
      origin(origin_of(url)),
      secret(secret_for(url, access)) {
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_USERAGENT, (access.program + "/" + version()).c_str());
  set(CURLOPT_CONNECTTIMEOUT, kConnectTimeout);
  set(CURLOPT_FORBID_REUSE, 1L);
  set(CURLOPT_HEADERFUNCTION, on_header);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_WRITEFUNCTION, on_body);
  set(CURLOPT_WRITEDATA, this);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, on_progress);
  set(CURLOPT_XFERINFODATA, this);
  if (access.past_caches) headers = curl_slist_append(headers, "Cache-Control: no-cache");
  choose_proxy();
  trust_servers();
  authenticate();
}

/// Without a URL in `proxy`, libcurl reads the environment.
void HttpClient::Transfer::choose_proxy() {
  set(CURLOPT_NOPROXY, proxy ? exceptions_of(*proxy).c_str() : "*");
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);  // on_header gets the server's header only
  if (proxy && proxy->url) set(CURLOPT_PROXY, proxy->url->c_str());
}

/// When a redirect leads to another host or port, curl does not send the secret there.
void HttpClient::Transfer::authenticate() {
  if (secret.text.empty()) return;
  const bool is_password = secret.text.find(':') != std::string::npos;
  set(CURLOPT_HTTPAUTH, is_password ? CURLAUTH_BASIC : CURLAUTH_BEARER);
  set(is_password ? CURLOPT_USERPWD : CURLOPT_XOAUTH2_BEARER, secret.text.c_str());
}

/// Sets the TLS options. They have no effect on http://.
void HttpClient::Transfer::trust_servers() {
  const std::string ca = tls.ca.empty() ? system_ca_file() : tls.ca;
  certificate.ca_file = ca.empty() ? "the system's CAs, which this host lacks: set tls.ca in cfg.json" : ca;
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!ca.empty()) set(CURLOPT_CAINFO, ca.c_str());
  if (!ca.empty()) set(CURLOPT_PROXY_CAINFO, ca.c_str());
  if (!tls.cert.empty()) {
    set(CURLOPT_SSLCERT, tls.cert.c_str());
    set(CURLOPT_SSLKEY, tls.key.c_str());
    set(CURLOPT_KEYPASSWD, "");  // do not prompt for a passphrase on the terminal
  }
  set(CURLOPT_SSL_CTX_FUNCTION, on_tls_context);
  set(CURLOPT_SSL_CTX_DATA, &certificate);
  if (sessions) set(CURLOPT_SHARE, sessions->share());
  // An https:// server must not redirect to an http:// server, which has no certificate to check.
  set(CURLOPT_REDIR_PROTOCOLS_STR, exchange.url_.starts_with("https:") ? "https" : "http,https");
}

size_t HttpClient::Transfer::on_header(char* data, size_t size, size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  const std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) transfer.has_whole_header = false;  // a new reply, after a redirect
  if (line == "\r\n" || line == "\n") transfer.has_whole_header = true;
  transfer.exchange.reply_.take_line(line);
  return size * count;
}

size_t HttpClient::Transfer::on_body(char* data, size_t size, size_t count, void* context) {
  const auto& transfer = *static_cast<Transfer*>(context);
  return (*transfer.take)({data, size * count}) ? size * count : CURL_WRITEFUNC_ERROR;
}

int HttpClient::Transfer::on_progress(void* context, curl_off_t, curl_off_t received, curl_off_t, curl_off_t) {
  HttpClient& exchange = static_cast<Transfer*>(context)->exchange;
  if (exchange.refusal_.empty() && static_cast<uint64_t>(received) > exchange.max_size_) exchange.refuse_size();
  return exchange.cancel_.stop_requested() || !exchange.refusal_.empty() ? 1 : 0;
}

CURLcode HttpClient::Transfer::on_tls_context(CURL*, void* context, void* certificate) {
  watch_server_certificate(static_cast<ssl_ctx_st*>(context), *static_cast<ServerCertificate*>(certificate));
  return CURLE_OK;
}

/// curl's error text, or a text of ours for errors of certificates and of TLS.
std::string HttpClient::Transfer::explain(CURLcode code, const std::string& detail) const {
  const bool is_about_files = code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE;
  if (is_about_files) {
    if (const auto credentials = read_credentials(tls); !credentials) return cat("tls: ", credentials.error().message);
  }
  if (code == CURLE_PEER_FAILED_VERIFICATION && !certificate.error.empty()) return certificate.error;
  if (code == CURLE_PEER_FAILED_VERIFICATION && !certificate.names.empty()) {
    return cat("the certificate is for another host: ", certificate.names, " (", detail, ")");
  }
  const SentRequest request = sent();
  return with_advice(proxy ? mask_secrets(detail, proxy_for(exchange.url_, *proxy)) : detail, request);
}

/// The last request, after the redirects.
SentRequest HttpClient::Transfer::sent() const {
  char* last = nullptr;
  curl_easy_getinfo(curl.get(), CURLINFO_EFFECTIVE_URL, &last);
  const std::string url = last == nullptr ? "" : last;
  SentRequest request{origin_of(url) == origin ? secret.kind : SentRequest::Secret::none, url.starts_with("https:"), ""};
  long used_proxy = proxy ? 1 : 0;
#if LIBCURL_VERSION_NUM >= 0x080700
  curl_easy_getinfo(curl.get(), CURLINFO_USED_PROXY, &used_proxy);
#endif
  if (used_proxy != 0 && proxy) request.proxy = without_secrets(proxy_for(url, *proxy));
  return request;
}

HttpClient::HttpClient(const std::string& url, uint64_t max_size, std::stop_token cancel, const ClientCredentials& access)
    : url_(without_secrets(url)),
      max_size_(max_size),
      cancel_(std::move(cancel)),
      transfer_(std::make_unique<Transfer>(*this, url, access)) {}

HttpClient::~HttpClient() = default;

void HttpClient::add_header(const std::string& line) {
  transfer_->headers = curl_slist_append(transfer_->headers, line.c_str());
}

void HttpClient::post(const std::string& body) {
  transfer_->set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  transfer_->set(CURLOPT_POSTFIELDS, body.c_str());
}

void HttpClient::ask_from(uint64_t offset) { transfer_->set(CURLOPT_RANGE, cat(offset, "-").c_str()); }

void HttpClient::follow_redirects() {
  transfer_->set(CURLOPT_FOLLOWLOCATION, 1L);
  transfer_->set(CURLOPT_MAXREDIRS, kMaxRedirects);
}

void HttpClient::connect_within(std::chrono::seconds time) {
  transfer_->set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(time.count()));
}

void HttpClient::end_after(std::chrono::seconds time) { transfer_->set(CURLOPT_TIMEOUT, static_cast<long>(time.count())); }

void HttpClient::end_when_slower(uint64_t bytes_per_second, std::chrono::seconds duration) {
  transfer_->set(CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(bytes_per_second));
  transfer_->set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(duration.count()));
}

bool HttpClient::refuse(std::string why) {
  refusal_ = std::move(why);
  return false;
}

bool HttpClient::refuse_size() { return refuse(cat("the reply is longer than ", max_size_, " bytes")); }

Result<void> HttpClient::run(const Take& take) {
  CURL* curl = transfer_->curl.get();
  char detail[CURL_ERROR_SIZE] = {};
  transfer_->take = &take;
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, transfer_->headers);
  const CURLcode code = curl_easy_perform(curl);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
  if (code == CURLE_OK && transfer_->has_whole_header) return {};
  if (code == CURLE_OK) return Error{cat(url_, ": the connection ended inside the reply's header")};
  if (cancel_.stop_requested()) return Error{cat(url_, " was cancelled")};
  if (!refusal_.empty()) return Error{cat(url_, ": ", refusal_)};
  return Error{cat(url_, ": ", transfer_->explain(code, detail[0] == '\0' ? curl_easy_strerror(code) : one_line(detail, 300)))};
}

long HttpClient::status() const {
  long status = 0;
  curl_easy_getinfo(transfer_->curl.get(), CURLINFO_RESPONSE_CODE, &status);
  return status;
}

std::optional<uint64_t> HttpClient::body_size() const {
  curl_off_t length = -1;
  curl_easy_getinfo(transfer_->curl.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  return length < 0 ? std::nullopt : std::optional(static_cast<uint64_t>(length));
}

std::string HttpClient::status_text() const { return ops::status_text(status(), transfer_->sent()); }

}  // namespace ops
