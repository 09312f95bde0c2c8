#include "updater/fetch.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <memory>
#include <mutex>

#include "common/daemon.h"
#include "common/file.h"
#include "common/tls.h"

namespace ops::updater {

namespace {

constexpr long kConnectTimeout = 10;  // seconds
constexpr long kMaxRedirects = 5;
constexpr uint64_t kMaxErrorPage = 64 << 10;   // bytes; of a reply that is not the file
constexpr uint64_t kRoomCheckEvery = 1 << 20;  // bytes

struct HeaderList {
  HeaderList() = default;
  ~HeaderList() { curl_slist_free_all(list); }
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  void add(const std::string& line) { list = curl_slist_append(list, line.c_str()); }
  curl_slist* list = nullptr;
};

}  // namespace

class Sessions {
 public:
  Sessions() : share_(curl_share_init(), &curl_share_cleanup) {
    curl_share_setopt(share_.get(), CURLSHOPT_USERDATA, this);
    curl_share_setopt(share_.get(), CURLSHOPT_LOCKFUNC, lock);
    curl_share_setopt(share_.get(), CURLSHOPT_UNLOCKFUNC, unlock);
    curl_share_setopt(share_.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  }
  CURLSH* share() const { return share_.get(); }

 private:
  static void lock(CURL*, curl_lock_data what, curl_lock_access, void* context) {
    static_cast<Sessions*>(context)->mutexes_[what].lock();
  }
  static void unlock(CURL*, curl_lock_data what, void* context) { static_cast<Sessions*>(context)->mutexes_[what].unlock(); }

  std::array<std::mutex, CURL_LOCK_DATA_LAST> mutexes_;
  const std::unique_ptr<CURLSH, decltype(&curl_share_cleanup)> share_;
};

std::shared_ptr<Sessions> make_sessions() { return std::make_shared<Sessions>(); }

namespace {

/// The reply's header fields that somebody here needs; of the last reply when there were redirects.
struct ReplyHeader {
  std::string etag;
  std::string last_modified;
  std::string content_range;
  std::string retry_after;
  bool is_whole = false;
};

/// One HTTP exchange. `take` gets the body's bytes as they come; false ends it, with `refusal` saying why.
struct Exchange {
  Exchange(const std::string& url, uint64_t max_size, const std::stop_token& stop, const Access& access);

  Result<void> run();
  long status() const;
  std::string explain(CURLcode code, const std::string& detail) const;

  const std::shared_ptr<Sessions> sessions;  // outlive `curl`
  const TlsFiles tls;
  ServerCertificate certificate;
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl{curl_easy_init(), &curl_easy_cleanup};
  std::string url;
  std::stop_token cancel;
  HeaderList headers;
  ReplyHeader reply;
  std::function<bool(std::string_view)> take;
  uint64_t max_size;  // of any reply's body, one that `take` never gets included: a redirect's
  std::string refusal;
};

std::string field_value(std::string_view line, std::string_view name) {
  if (line.size() <= name.size() || line[name.size()] != ':') return {};
  if (to_lower(line.substr(0, name.size())) != name) return {};
  return std::string(trim(line.substr(name.size() + 1)));
}

size_t on_header(char* data, size_t size, size_t count, void* context) {
  auto& reply = static_cast<Exchange*>(context)->reply;
  const std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) reply = {};  // a redirect's fields are not the file's
  if (line == "\r\n" || line == "\n") reply.is_whole = true;
  const std::pair<std::string_view, std::string*> fields[] = {{"etag", &reply.etag},
                                                              {"last-modified", &reply.last_modified},
                                                              {"content-range", &reply.content_range},
                                                              {"retry-after", &reply.retry_after}};
  for (const auto& [name, value] : fields) {
    if (std::string found = field_value(line, name); !found.empty()) *value = std::move(found);
  }
  return size * count;
}

size_t on_body(char* data, size_t size, size_t count, void* context) {
  const auto& exchange = *static_cast<Exchange*>(context);
  return exchange.take({data, size * count}) ? size * count : CURL_WRITEFUNC_ERROR;
}

int on_progress(void* context, curl_off_t, curl_off_t received, curl_off_t, curl_off_t) {
  auto& exchange = *static_cast<Exchange*>(context);
  if (exchange.refusal.empty() && static_cast<uint64_t>(received) > exchange.max_size) {
    exchange.refusal = cat("the reply is longer than ", exchange.max_size, " bytes");
  }
  return exchange.cancel.stop_requested() || !exchange.refusal.empty() ? 1 : 0;
}

CURLcode on_tls_context(CURL*, void* context, void* certificate) {
  watch_server_certificate(static_cast<ssl_ctx_st*>(context), *static_cast<ServerCertificate*>(certificate));
  return CURLE_OK;
}

/// "https://meta:2000" of any URL there; "" for what is no URL.
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

bool may_know_token(const std::string& url, const Access& access) {
  const std::string origin = origin_of(url);
  return !origin.empty() && std::any_of(access.servers.begin(), access.servers.end(),
                                        [&](const std::string& server) { return origin_of(server) == origin; });
}

/// Where distributions keep the CAs that they trust; "" when there is none.
std::string system_ca_file() {
  for (const char* path : {
           "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Alpine, Arch
           "/etc/pki/tls/certs/ca-bundle.crt",                   // RHEL
           "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // RHEL 10
           "/etc/ssl/ca-bundle.pem",                             // SUSE
           "/var/lib/ca-certificates/ca-bundle.pem",             // SUSE without its links
           "/etc/ssl/cert.pem"                                   // Alpine without ca-certificates
       }) {
    if (::access(path, R_OK) == 0) return path;
  }
  return {};
}

/// What only matters for https://.
void trust_servers(Exchange& exchange) {
  CURL* handle = exchange.curl.get();
  const std::string ca = exchange.tls.ca.empty() ? system_ca_file() : exchange.tls.ca;
  exchange.certificate.ca_file = ca.empty() ? "the system's CAs, for there are none: set tls.ca in cfg.json" : ca;
  curl_easy_setopt(handle, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
  if (!ca.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, ca.c_str());
  if (!exchange.tls.cert.empty()) {
    curl_easy_setopt(handle, CURLOPT_SSLCERT, exchange.tls.cert.c_str());
    curl_easy_setopt(handle, CURLOPT_SSLKEY, exchange.tls.key.c_str());
    curl_easy_setopt(handle, CURLOPT_KEYPASSWD, "");  // else somebody at a terminal is asked, and waited for
  }
  curl_easy_setopt(handle, CURLOPT_SSL_CTX_FUNCTION, on_tls_context);
  curl_easy_setopt(handle, CURLOPT_SSL_CTX_DATA, &exchange.certificate);
  if (exchange.sessions) curl_easy_setopt(handle, CURLOPT_SHARE, exchange.sessions->share());
  // A server that is trusted must not send us to one that can't be.
  curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, exchange.url.starts_with("https:") ? "https" : "http,https");
}

Exchange::Exchange(const std::string& to, uint64_t most, const std::stop_token& stop, const Access& access)
    : sessions(access.sessions), tls(access.tls), url(to), cancel(stop), max_size(most) {
  CURL* handle = curl.get();
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);  // a name server's silence is not waited for
  curl_easy_setopt(handle, CURLOPT_NOPROXY, "*");    // a proxy in somebody's environment is not the site's decision
  curl_easy_setopt(handle, CURLOPT_USERAGENT, ("ops-updater/" + version()).c_str());
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, kConnectTimeout);
  curl_easy_setopt(handle, CURLOPT_FORBID_REUSE, 1L);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(handle, CURLOPT_XFERINFODATA, this);
  trust_servers(*this);
  if (!access.token.empty() && may_know_token(url, access)) {  // curl keeps it from whom a redirect leads to
    curl_easy_setopt(handle, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(handle, CURLOPT_XOAUTH2_BEARER, access.token.c_str());
  }
}

Result<void> Exchange::run() {
  char detail[CURL_ERROR_SIZE] = {};
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, detail);
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.list);
  const CURLcode code = curl_easy_perform(curl.get());
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, nullptr);
  if (code == CURLE_OK && reply.is_whole) return {};
  if (code == CURLE_OK) return Error{cat(url, ": the connection ended within the reply's header")};
  if (cancel.stop_requested()) return Error{cat(url, " was cancelled")};
  if (!refusal.empty()) return Error{cat(url, ": ", refusal)};
  // curl says that it was HTTP/0.9, which has no header. Nobody has spoken that for decades.
  if (code == CURLE_UNSUPPORTED_PROTOCOL && std::string_view(detail).find("HTTP/0.9") != std::string_view::npos) {
    return Error{cat(url, ": what the server says is no HTTP", url.starts_with("http:") ? "; is it https://?" : "")};
  }
  return Error{cat(url, ": ", explain(code, detail[0] == '\0' ? curl_easy_strerror(code) : one_line(detail, 300)))};
}

/// curl's words for what went wrong, and ours where it is about trust.
std::string Exchange::explain(CURLcode code, const std::string& detail) const {
  const auto says = [&](const char* text) { return detail.find(text) != std::string::npos; };
  const bool is_about_files = code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE;
  if (is_about_files) {
    if (const auto credentials = read_credentials(tls); !credentials) return cat("tls: ", credentials.error().message);
  }
  if (code == CURLE_PEER_FAILED_VERIFICATION && !certificate.trouble.empty()) return certificate.trouble;
  if (code == CURLE_PEER_FAILED_VERIFICATION && !certificate.names.empty()) {
    return cat("that is another host: its certificate is for ", certificate.names, " (", detail, ")");
  }
  if (says("wrong version number")) return detail + "; what is there speaks no TLS: is it http://?";
  if (says(" alert "))
    return detail + "; the server refuses this host's certificate: look at \"tls\" in cfg.json, and at its log";
  if (says("Protocol \"http\" ")) return detail + "; it is redirected from https:// to http://, which is not followed";
  return detail;
}

long Exchange::status() const {
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  return status;
}

/// Collects the body in memory.
void take_into(std::string& body, Exchange& exchange) {
  exchange.take = [&body, &exchange](std::string_view piece) {
    if (body.size() + piece.size() > exchange.max_size) {
      exchange.refusal = cat("the reply is longer than ", exchange.max_size, " bytes");
      return false;
    }
    body += piece;
    return true;
  };
}

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

std::optional<std::chrono::seconds> to_seconds(const std::string& retry_after) {
  const auto count = parse_number<uint32_t>(retry_after);
  return count ? std::optional(std::chrono::seconds(*count)) : std::nullopt;
}

/// Which file on the server a part on the disk belongs to: the URL, and its validator on the line after.
std::string origin(const std::string& url, const std::string& validator) { return cat(url, "\n", validator, "\n"); }

/// A validator that HTTP lets us make a range conditional on: a strong ETag, or a date.
std::string range_validator(const ReplyHeader& reply) { return reply.etag.starts_with('"') ? reply.etag : reply.last_modified; }

/// A tarball on its way to the disk.
class Download {
 public:
  Download(const std::string& url, const std::string& path, const DownloadLimits& limits, const Progress& progress,
           const std::stop_token& cancel, const Access& access)
      : path_(path),
        origin_path_(path + ".from"),
        limits_(limits),
        progress_(progress),
        access_(access),
        exchange_(url, limits.max_size, cancel, access) {}

  Result<void> run() {
    if (auto opened = open_part(); !opened) return opened;
    ask_for_the_rest();
    CURL* handle = exchange_.curl.get();
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(handle, CURLOPT_MAXREDIRS, kMaxRedirects);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(limits_.least_speed));
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, static_cast<long>(limits_.stall_time.count()));
    exchange_.take = [this](std::string_view piece) { return take(piece); };
    auto ran = exchange_.run();
    const long status = exchange_.status();
    if (status == 416 && exchange_.reply.content_range == cat("bytes */", resume_from_)) return {};  // all of it is here
    if (status == 416) forget_part();                // the part is longer than the file is now
    const bool is_lost = status / 100 == 3 && !ran;  // in redirects
    if (status != 0 && status != 200 && status != 206 && !is_lost) {
      const std::string& pause = exchange_.reply.retry_after;
      return Error{cat(exchange_.url, ": ", status_text(status, exchange_.url, access_),
                       pause.empty() ? "" : cat(", try again after ", one_line(pause, 40), to_seconds(pause) ? " s" : ""))};
    }
    if (!ran) return ran;
    if (!begun_ && !begin()) return Error{cat(exchange_.url, ": ", exchange_.refusal)};  // an empty file
    if (::fsync(file_.get()) != 0) return system_error("sync", path_);
    return {};
  }

  /// What the server said to that when it did not give the file.
  std::optional<std::chrono::seconds> retry_after() const { return to_seconds(exchange_.reply.retry_after); }

 private:
  /// Opens the part that is there. Anything but a plain file is nothing of ours: a FIFO would be waited for, a link followed.
  Result<void> open_part() {
    struct stat info {};
    if (::lstat(path_.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
      if (auto removed = remove_tree(path_); !removed) return removed;
    }
    file_ = Fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    return file_ ? Result<void>() : system_error("create", path_);
  }

  void ask_for_the_rest() {
    struct stat info {};
    const auto known = read_file(origin_path_, 16384);
    if (!known || ::fstat(file_.get(), &info) != 0 || info.st_size == 0) return;
    const std::string prefix = exchange_.url + "\n";
    const std::string noted = known->starts_with(prefix) ? known->substr(prefix.size()) : "";
    const std::string validator(trim(noted.substr(0, noted.find_first_of("\r\n"))));
    if (validator.empty()) return;
    resume_from_ = static_cast<uint64_t>(info.st_size);
    curl_easy_setopt(exchange_.curl.get(), CURLOPT_RANGE, cat(resume_from_, "-").c_str());
    exchange_.headers.add("If-Range: " + validator);
    validator_ = validator;
  }

  bool take(std::string_view piece) {
    const long status = exchange_.status();
    if (status != 200 && status != 206) return (error_page_ += piece.size()) <= kMaxErrorPage;  // run() reports the status
    if (!begun_ && !begin()) return false;
    if (done_ + piece.size() > limits_.max_size) return refuse_size(cat("it has more than ", limits_.max_size, " bytes"));
    if (auto written = write_all(file_.get(), piece, path_); !written) return refuse(written.error().message);
    done_ += piece.size();
    // The server may not have said how long the file is, and others write to the disk too.
    if (done_ / kRoomCheckEvery != (done_ - piece.size()) / kRoomCheckEvery && !has_room(0)) return false;
    progress_(done_, total_);
    return true;
  }

  /// The header is here: decides where in the file the body belongs, and whether there is room for it.
  bool begin() {
    begun_ = true;
    if (exchange_.status() == 206) {
      // "bytes 1000-1999/2000": the server must go on just where we left off, in the same file.
      const std::string wanted = cat("bytes ", resume_from_, "-");
      if (resume_from_ == 0 || !exchange_.reply.content_range.starts_with(wanted) || !is_same_file()) {
        forget_part();
        return refuse("the server answered a range that does not fit, starting over next time");
      }
      done_ = resume_from_;
    }
    if (::ftruncate(file_.get(), static_cast<off_t>(done_)) != 0 || ::lseek(file_.get(), 0, SEEK_END) < 0) {
      return refuse(system_error("truncate", path_).message);
    }
    if (done_ == 0) {
      ::unlink(origin_path_.c_str());
      if (const std::string validator = range_validator(exchange_.reply); !validator.empty()) {
        const auto noted = replace_file(origin_path_, origin(exchange_.url, validator), 0600);
        if (!noted) return refuse(noted.error().message);
      }
    }
    curl_off_t length = -1;
    curl_easy_getinfo(exchange_.curl.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (length < 0) return true;
    total_ = done_ + static_cast<uint64_t>(length);
    if (total_ > limits_.max_size) return refuse_size(cat("it has ", total_, " bytes, the limit is ", limits_.max_size));
    return has_room(static_cast<uint64_t>(length));
  }

  /// A server that ignores If-Range may send a part of another file.
  bool is_same_file() const {
    const std::string now = range_validator(exchange_.reply);
    return now.empty() || now == validator_ || exchange_.reply.last_modified == validator_;
  }

  bool has_room(uint64_t needed) {
    struct statvfs disk {};
    if (::fstatvfs(file_.get(), &disk) != 0) return true;
    const uint64_t available = uint64_t{disk.f_bavail} * disk.f_frsize;
    if (available >= needed + limits_.reserve) return true;
    return refuse(cat("not enough disk space: it needs ", needed, " bytes and ", limits_.reserve, " are to stay free, ",
                      available, " bytes are free on the disk of ", path_));
  }

  bool refuse(std::string why) {
    exchange_.refusal = std::move(why);
    return false;
  }

  /// Keeps nothing: another try would end just so.
  bool refuse_size(std::string why) {
    ::unlink(path_.c_str());
    forget_part();
    return refuse(std::move(why));
  }

  void forget_part() {
    ::unlink(origin_path_.c_str());  // without it the next try starts over
  }

  const std::string path_;
  const std::string origin_path_;
  const DownloadLimits limits_;
  const Progress& progress_;
  const Access& access_;
  Exchange exchange_;
  Fd file_;
  uint64_t resume_from_ = 0;
  std::string validator_;  // of the part that is there
  bool begun_ = false;
  uint64_t error_page_ = 0;  // bytes of a reply that is not the file
  uint64_t done_ = 0;
  uint64_t total_ = 0;
};

}  // namespace

std::string status_text(long status, const std::string& url, const Access& access) {
  const std::string text = cat("the server says ", status);
  if (status != 401 && status != 403) return text;
  if (!may_know_token(url, access)) {
    return access.token.empty() ? text : text + "; it was sent no token, for \"server\" in cfg.json names another";
  }
  if (status == 403 && url.starts_with("https:")) return text + "; look at \"token\" and \"tls\" in cfg.json";
  return cat(text, "; look at \"token\" in cfg.json", access.token.empty() ? ", there is none" : "");
}

Result<HttpReply> post_json(const std::string& url, const std::string& body, size_t max_size, std::chrono::seconds timeout,
                            const std::stop_token& cancel, const Access& access) {
  Exchange exchange(url, max_size, cancel, access);
  HttpReply reply;
  take_into(reply.body, exchange);
  exchange.headers.add("Content-Type: application/json");
  exchange.headers.add("Expect:");  // no 100-continue: one write, one answer
  CURL* handle = exchange.curl.get();
  curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body.c_str());
  curl_easy_setopt(handle, CURLOPT_TIMEOUT, static_cast<long>(timeout.count()));
  if (auto ran = exchange.run(); !ran) return ran.error();
  reply.status = exchange.status();
  reply.retry_after = to_seconds(exchange.reply.retry_after);
  return reply;
}

Result<HttpReply> get_small(const std::string& url, size_t max_size, std::chrono::seconds timeout,
                            const std::stop_token& cancel, const Access& access) {
  Exchange exchange(url, max_size, cancel, access);
  HttpReply reply;
  take_into(reply.body, exchange);
  curl_easy_setopt(exchange.curl.get(), CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(exchange.curl.get(), CURLOPT_MAXREDIRS, kMaxRedirects);
  curl_easy_setopt(exchange.curl.get(), CURLOPT_TIMEOUT, static_cast<long>(timeout.count()));
  if (auto ran = exchange.run(); !ran) return ran.error();
  reply.status = exchange.status();
  reply.retry_after = to_seconds(exchange.reply.retry_after);
  return reply;
}

std::optional<FetchError> download(const std::string& url, const std::string& path, const DownloadLimits& limits,
                                   const Progress& progress, const std::stop_token& cancel, const Access& access) {
  Download download(url, path, limits, progress, cancel, access);
  const auto ran = download.run();
  return ran ? std::nullopt : std::optional(FetchError{ran.error(), download.retry_after()});
}

}  // namespace ops::updater
