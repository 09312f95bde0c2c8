#include "meta/api/tarballs.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <vector>

#include "meta/api/conditions.h"

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

/// {"a", "b"} for "/a//b/". nullopt when a part is "." or "..", or when the path contains a NUL.
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

/// Opens a file or folder below `root` and never one outside. On failure the Fd is invalid, and errno is that of open(2).
Fd open_beneath(int root, const std::vector<std::string>& parts) {
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  std::string path = ".";
  for (const std::string& part : parts) path += "/" + part;
  open_how how{};
  how.flags = kFlags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const long fd = ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
  if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return Fd(static_cast<int>(fd));
  // Without openat2 (before Linux 5.6, or under an old seccomp filter): open each part in turn, and follow no links.
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
  folder.release();  // closedir() closes it
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

/// By the extension of the name.
std::string content_type(std::string_view name) {
  constexpr std::pair<std::string_view, std::string_view> kTypes[] = {{".css", "text/css; charset=UTF-8"},
                                                                      {".gif", "image/gif"},
                                                                      {".gz", "application/gzip"},
                                                                      {".htm", "text/html; charset=UTF-8"},
                                                                      {".html", "text/html; charset=UTF-8"},
                                                                      {".jpeg", "image/jpeg"},
                                                                      {".jpg", "image/jpeg"},
                                                                      {".js", "text/javascript; charset=UTF-8"},
                                                                      {".json", "application/json"},
                                                                      {".md5", "text/plain; charset=UTF-8"},
                                                                      {".minisig", "text/plain; charset=UTF-8"},
                                                                      {".png", "image/png"},
                                                                      {".sha256", "text/plain; charset=UTF-8"},
                                                                      {".svg", "image/svg+xml"},
                                                                      {".tgz", "application/gzip"},
                                                                      {".txt", "text/plain; charset=UTF-8"},
                                                                      {".xml", "text/xml; charset=UTF-8"}};
  for (const auto& [end, type] : kTypes) {
    if (name.ends_with(end)) return std::string(type);
  }
  return "application/octet-stream";
}

Validators validators_of(const struct stat& info) {
  char etag[64];
  std::snprintf(etag, sizeof etag, "\"%llx.%lx-%llx\"", static_cast<unsigned long long>(info.st_mtim.tv_sec),
                static_cast<unsigned long>(info.st_mtim.tv_nsec), static_cast<unsigned long long>(info.st_size));
  return {etag, info.st_mtim.tv_sec};
}

/// A response without a body. An HTML file below tarballDir has the origin of ops-meta, so its scripts could send requests with
/// the operator's password. "sandbox" gives the file an opaque origin and disables scripts and forms. "nosniff" prevents a
/// browser from treating another file as HTML.
HttpResponse head_of(const std::string& name, const Validators& validators) {
  HttpResponse response;
  response.content_type = content_type(name);
  response.headers = {{"Content-Security-Policy", "sandbox allow-downloads"},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Accept-Ranges", "bytes"},
                      {"Last-Modified", http_date(validators.modified_at)},
                      {"ETag", validators.etag}};
  return response;
}

/// Keeps the headers of `response`; the body is the status and its reason phrase.
HttpResponse refusal(HttpResponse response, int status, const std::string& reason) {
  response.status = status;
  response.content_type = "text/plain; charset=UTF-8";
  response.body = cat(status, " ", reason, "\n");
  return response;
}

HttpResponse serve_file(const HttpRequest& request, const std::string& name, Fd file, const struct stat& info) {
  const auto size = static_cast<uint64_t>(info.st_size);
  const Validators validators = validators_of(info);
  HttpResponse response = head_of(name, validators);
  const Condition condition = judge(request, validators);
  if (condition == Condition::failed) return refusal(std::move(response), 412, "Precondition Failed");
  if (condition == Condition::not_modified) {
    response.status = 304;
    return response;
  }
  const auto requested = requested_range(request, validators, size);
  const ByteRange range = requested.value_or(ByteRange{0, size});
  if (requested) {
    const std::string bytes = range.length == 0 ? "*" : cat(range.offset, "-", range.offset + range.length - 1);
    response.headers.emplace_back("Content-Range", cat("bytes ", bytes, "/", size));
    response.status = 206;
  }
  if (requested && range.length == 0) return refusal(std::move(response), 416, "Range Not Satisfiable");
  response.file_body = {std::make_shared<const Fd>(std::move(file)), range.offset, range.length};
  return response;
}

/// The index.html of the folder, as from the original's file server, or else a list of its files.
HttpResponse serve_folder(const HttpRequest& request, Fd folder, int root, std::vector<std::string> parts) {
  constexpr char kIndex[] = "index.html";
  parts.push_back(kIndex);
  Fd index = open_beneath(root, parts);
  struct stat info = {};
  if (index && ::fstat(index.get(), &info) == 0 && S_ISREG(info.st_mode)) {
    return serve_file(request, kIndex, std::move(index), info);
  }
  return list_folder(std::move(folder), request.path);
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
  struct stat info = {};
  if (::fstat(file.get(), &info) != 0) return not_found();
  if (S_ISDIR(info.st_mode)) {
    if (!request.path.ends_with('/')) return moved_to(request.path + "/");
    return serve_folder(request, std::move(file), folder.get(), *parts);
  }
  if (!S_ISREG(info.st_mode) || request.path.ends_with('/')) return not_found();
  return serve_file(request, request.path, std::move(file), info);
}

}  // namespace ops::meta
