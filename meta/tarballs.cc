#include "meta/tarballs.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <optional>
#include <vector>

namespace ops::meta {

namespace {

HttpResponse not_found() { return HttpResponse::text(404, "404 page not found\n"); }

std::string percent_encode(std::string_view path) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  for (const unsigned char c : path) {
    if (std::isalnum(c) || std::string_view("/-._~+").find(static_cast<char>(c)) != std::string_view::npos) {
      encoded += static_cast<char>(c);
    } else {
      encoded += {'%', kHex[c >> 4], kHex[c & 15]};
    }
  }
  return encoded;
}

std::string html_escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

HttpResponse moved_to(const std::string& path) { return HttpResponse::redirect(percent_encode(path)); }

/// "/a//b/" is {"a", "b"}; nullopt when a part is "." or "..", or holds a NUL.
std::optional<std::vector<std::string>> split_path(const std::string& path) {
  if (path.empty() || path[0] != '/' || path.find('\0') != std::string::npos) return std::nullopt;
  std::vector<std::string> parts;
  for (size_t at = 0; at < path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    std::string part = path.substr(at, end - at);
    if (part == "." || part == "..") return std::nullopt;
    if (!part.empty()) parts.push_back(std::move(part));
    at = end + 1;
  }
  return parts;
}

/// Opens what lies below `root` without ever leaving it; -1 and errno as open(2).
Fd open_beneath(int root, const std::vector<std::string>& parts) {
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  std::string path = ".";
  for (const std::string& part : parts) path += "/" + part;
  open_how how{};
  how.flags = kFlags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const long fd = ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
  if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return Fd(static_cast<int>(fd));
  // Before Linux 5.6, or under an old seccomp filter: step by step, and no links at all.
  Fd at(::openat(root, ".", kFlags | O_DIRECTORY));
  for (const std::string& part : parts) {
    if (!at) break;
    at = Fd(::openat(at.get(), part.c_str(), kFlags | O_NOFOLLOW));
  }
  return at;
}

HttpResponse failed_to_open() {
  return errno == EACCES || errno == EPERM ? HttpResponse::text(403, "403 forbidden\n") : not_found();
}

HttpResponse list_folder(Fd folder, const std::string& path) {
  DIR* stream = ::fdopendir(folder.get());
  if (stream == nullptr) return failed_to_open();
  folder.release();  // the stream's now
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(stream)) {
    std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (entry->d_type == DT_DIR) name += '/';
    names.push_back(std::move(name));
  }
  ::closedir(stream);
  std::sort(names.begin(), names.end());
  HttpResponse response;
  response.content_type = "text/html; charset=UTF-8";
  response.body = cat("<!doctype html>\n<title>", html_escape(path), "</title>\n<pre>\n");
  for (const std::string& name : names) {
    response.body += cat("<a href=\"./", percent_encode(name), "\">", html_escape(name), "</a>\n");
  }
  response.body += "</pre>\n";
  return response;
}

std::string http_date(time_t time) {
  char text[64];
  tm parts{};
  ::gmtime_r(&time, &parts);
  const size_t length = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return std::string(text, length);
}

/// A file as HTTP's validators see it.
struct Validators {
  std::string etag;
  std::string last_modified;
};

bool not_modified(const HttpRequest& request, const Validators& file) {
  const std::string known_etag = request.header("If-None-Match");
  if (!known_etag.empty()) return known_etag == file.etag || known_etag == "*";
  // Clients send back the date that they were given, so equality will do.
  return request.header("If-Modified-Since") == file.last_modified;
}

bool range_still_holds(const HttpRequest& request, const Validators& file) {
  const std::string condition = request.header("If-Range");
  return condition.empty() || condition == file.etag || condition == file.last_modified;
}

struct ByteRange {
  uint64_t offset = 0;
  uint64_t length = 0;  // 0: not satisfiable
};

std::optional<uint64_t> parse_number(std::string_view digits) {
  uint64_t number = 0;
  const char* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, number);
  return parsed.ec == std::errc() && parsed.ptr == end ? std::optional(number) : std::nullopt;
}

/// "bytes=5-9", "bytes=5-" or "bytes=-5" against a file of `size` bytes; nullopt for anything else, which HTTP lets us ignore.
std::optional<ByteRange> parse_range(std::string_view header, uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  if (!header.starts_with(kUnit)) return std::nullopt;
  header.remove_prefix(kUnit.size());
  const size_t dash = header.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = parse_number(header.substr(0, dash));
  const auto last = parse_number(header.substr(dash + 1));
  if (dash == 0) {
    if (!last) return std::nullopt;
    const uint64_t length = std::min(*last, size);
    return ByteRange{size - length, length};
  }
  if (!first || (!last && dash + 1 != header.size()) || (last && *last < *first)) return std::nullopt;
  if (*first >= size) return ByteRange{};
  return ByteRange{*first, last ? std::min(*last, size - 1) - *first + 1 : size - *first};
}

std::string content_type(const std::string& name) {
  if (name.ends_with(".gz")) return "application/gzip";
  if (name.ends_with(".md5") || name.ends_with(".minisig") || name.ends_with(".txt")) return "text/plain; charset=UTF-8";
  return "application/octet-stream";
}

HttpResponse serve_file(const HttpRequest& request, Fd file, const struct stat& info) {
  const auto size = static_cast<uint64_t>(info.st_size);
  char etag[64];
  std::snprintf(etag, sizeof etag, "\"%llx.%lx-%llx\"", static_cast<unsigned long long>(info.st_mtim.tv_sec),
                static_cast<unsigned long>(info.st_mtim.tv_nsec), static_cast<unsigned long long>(size));
  const Validators validators{etag, http_date(info.st_mtim.tv_sec)};

  HttpResponse response;
  response.content_type = content_type(request.path);
  response.headers = {{"Accept-Ranges", "bytes"}, {"Last-Modified", validators.last_modified}, {"ETag", validators.etag}};
  if (not_modified(request, validators)) {
    response.status = 304;
    return response;
  }
  ByteRange range{0, size};
  const std::string asked = request.header("Range");
  if (const auto part = parse_range(asked, size); part && range_still_holds(request, validators)) {
    range = *part;
    response.status = range.length == 0 ? 416 : 206;
    const std::string which = range.length == 0 ? "*" : cat(range.offset, "-", range.offset + range.length - 1);
    response.headers.emplace_back("Content-Range", cat("bytes ", which, "/", size));
  }
  if (response.status != 416) response.file_body = {std::make_shared<const Fd>(std::move(file)), range.offset, range.length};
  return response;
}

}  // namespace

HttpResponse serve_tarball(const std::string& root, const HttpRequest& request) {
  const auto parts = split_path(request.path);
  if (!parts) return not_found();
  if (request.path.find("//") != std::string::npos) {
    std::string clean;
    for (const std::string& part : *parts) clean += "/" + part;
    return moved_to(request.path.ends_with('/') ? clean + "/" : clean);
  }
  const Fd folder(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return failed_to_open();
  Fd file = open_beneath(folder.get(), *parts);
  if (!file) return failed_to_open();
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return not_found();
  if (S_ISDIR(info.st_mode)) {
    return request.path.ends_with('/') ? list_folder(std::move(file), request.path) : moved_to(request.path + "/");
  }
  if (!S_ISREG(info.st_mode) || request.path.ends_with('/')) return not_found();
  return serve_file(request, std::move(file), info);
}

}  // namespace ops::meta
