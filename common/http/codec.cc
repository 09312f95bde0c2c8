#include "common/http/codec.h"

#include <httplib.h>

#include <algorithm>
#include <charconv>
#include <ctime>

#include "common/base/log.h"
#include "common/base/text.h"

namespace ops {

namespace {

constexpr char kHttpDate[] = "%a, %d %b %Y %H:%M:%S GMT";

/// A request in memory, and the reply that grows behind it, as httplib's idea of a connection.
class MemoryStream : public httplib::Stream {
 public:
  MemoryStream(std::string_view in, std::string& out) : in_(in), out_(out) {}

  bool is_readable() const override { return !in_.empty(); }
  bool is_writable() const override { return true; }
  socket_t socket() const override { return -1; }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}

  ssize_t read(char* to, size_t size) override {
    const size_t n = std::min(size, in_.size());
    std::copy_n(in_.data(), n, to);
    in_.remove_prefix(n);
    return static_cast<ssize_t>(n);
  }

  ssize_t write(const char* from, size_t size) override {
    out_.append(from, size);
    return static_cast<ssize_t>(size);
  }

 private:
  std::string_view in_;
  std::string& out_;
};

/// "a=1&b=two+words": a key without "=" has the value "".
std::vector<std::pair<std::string, std::string>> parse_query(const std::string& target) {
  std::vector<std::pair<std::string, std::string>> query;
  for (size_t at = target.find('?'); at < target.size();) {
    const size_t end = std::min(target.find('&', at + 1), target.size());
    const std::string entry = target.substr(at + 1, end - at - 1);
    const size_t equals = std::min(entry.find('='), entry.size());
    const std::string value = equals < entry.size() ? entry.substr(equals + 1) : "";
    if (!entry.empty()) {
      query.emplace_back(httplib::detail::decode_url(entry.substr(0, equals), true), httplib::detail::decode_url(value, true));
    }
    at = end;
  }
  return query;
}

HttpRequest to_request(const httplib::Request& from, std::string_view body, const HttpPeer& peer) {
  HttpRequest request;
  request.method = from.method;
  request.path = httplib::detail::decode_url(from.target.substr(0, from.target.find('?')), false);
  request.query = parse_query(from.target);
  request.headers.assign(from.headers.begin(), from.headers.end());
  request.body = body;
  request.peer = peer.address;
  request.from_owner = peer.is_owner;
  request.certificate_names = peer.names;
  return request;
}

}  // namespace

class HttpCodec::Parser : public httplib::Server {
 public:
  explicit Parser(const HttpHandler& handler) : handler_(handler) {
    set_pre_routing_handler([this](const auto& request, auto& response) {
      route(request, response);
      return HandlerResponse::Handled;
    });
    set_header_writer([this](auto& stream, auto& headers) {
      // httplib tells how it would keep connections, promises ranges to every HEAD, and calls a body that it doesn't know, or
      // that there is none of, empty.
      headers.erase("Keep-Alive");
      headers.emplace("Date", date());
      if (!has_ranges_) headers.erase("Accept-Ranges");
      if (is_streamed_ || has_no_body_) headers.erase("Content-Length");
      return httplib::detail::write_headers(stream, headers);
    });
    set_error_handler([](const auto&, auto& response) {
      if (!response.body.empty()) return;
      response.set_content(cat(response.status, " ", httplib::status_message(response.status), "\n"),
                           "text/plain; charset=UTF-8");
    });
    set_exception_handler([](const auto& request, auto& response, const std::exception_ptr& failure) {
      try {
        std::rethrow_exception(failure);
      } catch (const std::exception& exception) {
        log::error("request ", request.method, " ", request.target, " failed: ", exception.what());
      }
      response.status = 500;
    });
  }

  HttpReply answer(std::string_view head, std::string_view body, const HttpPeer& peer, bool may_keep, std::string& out) {
    MemoryStream stream(head, out);
    body_ = body;
    peer_ = &peer;
    is_understood_ = false;
    is_streamed_ = false;
    has_no_body_ = false;
    has_ranges_ = false;
    reply_ = {};
    bool client_closes = false;
    process_request(stream, peer.address, 0, {}, 0, !may_keep, client_closes, prepare);
    const bool has_end = !is_streamed_ || reply_.is_chunked;
    reply_.close = !may_keep || client_closes || !is_understood_ || !has_end;
    return std::move(reply_);
  }

 private:
  /// Undoes what httplib would do on its own account, before it does it.
  static void prepare(httplib::Request& request) {
    request.ranges.clear();  // whoever serves a file knows whether a range still fits
    request.headers.erase("Expect");
    for (const char* name : {"REMOTE_ADDR", "REMOTE_PORT", "LOCAL_ADDR", "LOCAL_PORT"}) request.headers.erase(name);
  }

  void route(const httplib::Request& request, httplib::Response& response) {
    is_understood_ = true;
    if (request.method != "GET" && request.method != "HEAD" && request.method != "POST") {
      response.status = 405;
      response.set_header("Allow", "GET, HEAD, POST");
      return;
    }
    fill(handler_(to_request(request, body_, *peer_)), request, response);
  }

  void fill(HttpResponse from, const httplib::Request& request, httplib::Response& to) {
    to.status = from.status;
    for (const auto& [name, value] : from.headers) to.set_header(name, value);
    has_ranges_ = to.has_header("Accept-Ranges");
    has_no_body_ = from.status == 304;
    if (has_no_body_) return;
    to.set_header("Content-Type", from.content_type);
    const bool wants_body = request.method != "HEAD";
    if (from.file_body.file) {
      to.set_header("Content-Length", std::to_string(from.file_body.length));
      if (wants_body) reply_.file = std::move(from.file_body);
    } else if (from.stream) {
      is_streamed_ = true;
      reply_.is_chunked = request.version == "HTTP/1.1";
      if (reply_.is_chunked) to.set_header("Transfer-Encoding", "chunked");
      if (wants_body) reply_.stream = std::move(from.stream);
    } else {
      to.body = std::move(from.body);
    }
  }

  /// The text changes once a second, and thousands of replies need it.
  const std::string& date() {
    if (const time_t now = std::time(nullptr); now != date_time_) {
      date_time_ = now;
      date_ = http_date(now);
    }
    return date_;
  }

  const HttpHandler& handler_;
  time_t date_time_ = -1;  // of date_
  std::string date_;
  // Of the request that is being answered:
  std::string_view body_;
  const HttpPeer* peer_ = nullptr;
  bool is_understood_ = false;
  bool is_streamed_ = false;
  bool has_no_body_ = false;
  bool has_ranges_ = false;
  HttpReply reply_;
};

HttpCodec::HttpCodec(const HttpHandler& handler) : parser_(std::make_unique<Parser>(handler)) {}
HttpCodec::~HttpCodec() = default;

HttpReply HttpCodec::answer(std::string_view head, std::string_view body, const HttpPeer& peer, bool may_keep,
                            std::string& out) {
  return parser_->answer(head, body, peer, may_keep, out);
}

std::string refusal_reply(int status, std::string_view why) {
  const std::string body = why.empty() ? cat(status, " ", httplib::status_message(status), "\n") : cat(why, "\n");
  return cat("HTTP/1.1 ", status, " ", httplib::status_message(status), "\r\nDate: ", http_date(std::time(nullptr)),
             "\r\nConnection: close\r\nContent-Length: ", body.size(), "\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\n",
             body);
}

void append_chunk(std::string_view piece, bool is_last, std::string& to) {
  if (!piece.empty()) {
    char size[16];
    const char* end = std::to_chars(size, size + sizeof size, piece.size(), 16).ptr;
    to.append(size, static_cast<size_t>(end - size)).append("\r\n").append(piece).append("\r\n");
  }
  if (is_last) to += "0\r\n\r\n";
}

std::string HttpRequest::header(std::string_view name) const {
  const std::string wanted = to_lower(name);
  for (const auto& [key, value] : headers) {
    if (key.size() == wanted.size() && to_lower(key) == wanted) return value;
  }
  return {};
}

std::string HttpRequest::parameter(std::string_view key) const {
  for (const auto& [name, value] : query) {
    if (name == key) return value;
  }
  return {};
}

std::string http_date(int64_t time) {
  const time_t seconds = time;
  tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[64];
  return std::string(text, std::strftime(text, sizeof text, kHttpDate, &parts));
}

std::optional<int64_t> parse_http_date(const std::string& text) {
  for (const char* form : {kHttpDate, "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
    tm parts{};
    const char* end = ::strptime(text.c_str(), form, &parts);
    if (end != nullptr && *end == '\0') return ::timegm(&parts);
  }
  return std::nullopt;
}

HttpResponse HttpResponse::text(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

HttpResponse HttpResponse::json(std::string body) {
  HttpResponse response;
  response.content_type = "application/json; charset=UTF-8";
  response.body = std::move(body);
  return response;
}

HttpResponse HttpResponse::redirect(const std::string& location) {
  HttpResponse response = text(301, "");
  response.headers.emplace_back("Location", location);
  return response;
}

}  // namespace ops
