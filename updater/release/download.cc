#include "updater/release/download.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "common/base/file.h"
#include "common/base/text.h"
#include "common/http/error_text.h"
#include "common/http/message.h"
#include "common/protocol/url.h"
#include "updater/release/disk_space.h"

namespace ops::updater {

namespace {

constexpr uint64_t kMaxErrorPage = 64 << 10;    // bytes of the body of an error reply
constexpr size_t kMaxOrigin = 16 << 10;         // bytes of `path`.from
constexpr uint64_t kSpaceCheckEvery = 1 << 20;  // bytes

std::optional<std::chrono::seconds> to_seconds(const std::string& retry_after) {
  const auto count = parse_number(retry_after);
  return count && *count <= UINT32_MAX ? std::optional(std::chrono::seconds(*count)) : std::nullopt;
}

/// Runs the request, and returns the reply with its whole body.
Result<HttpReply> collect(HttpClient& exchange, size_t max_size) {
  HttpReply reply;
  const auto take = [&](std::string_view piece) {
    if (reply.body.size() + piece.size() > max_size) return exchange.refuse_size();
    reply.body += piece;
    return true;
  };
  if (auto ran = exchange.run(take); !ran) return ran.error();
  reply.status = exchange.status();
  reply.status_text = exchange.status_text();
  reply.retry_after = to_seconds(exchange.reply().retry_after);
  reply.date = parse_http_date(exchange.reply().date);
  return reply;
}

/// The content of `path`.from: the URL, and the validator on the next line.
std::string origin(const std::string& url, const std::string& validator) { return cat(url, "\n", validator, "\n"); }

/// A validator that If-Range accepts: a strong ETag, or a date.
std::string range_validator(const ReplyHeader& reply) { return reply.etag.starts_with('"') ? reply.etag : reply.last_modified; }

/// One download of a tarball to the disk.
class Download {
 public:
  Download(const std::string& url, const std::string& path, const DownloadLimits& limits, const Progress& progress,
           const std::stop_token& cancel, const ClientCredentials& access)
      : path_(path),
        origin_path_(path + ".from"),
        limits_(limits),
        progress_(progress),
        exchange_(url, limits.max_size, cancel, access) {}

  Result<void> run() {
    if (auto opened = open_part(); !opened) return opened;
    ask_to_resume();
    exchange_.follow_redirects();
    exchange_.end_when_slower(limits_.least_speed, limits_.stall_time);
    exchange_.end_after(limits_.max_time);
    auto ran = exchange_.run([this](std::string_view piece) { return take(piece); });
    const long status = exchange_.status();
    if (status == 416 && exchange_.reply().content_range == cat("bytes */", resume_from_))
      return {};                                                // the part is the whole file
    if (status == 416) forget_part();                           // the file is shorter than the part now
    const bool is_failed_redirect = status / 100 == 3 && !ran;  // then `ran` has the reason
    if (status != 0 && status != 200 && status != 206 && !is_failed_redirect) {
      const std::string& pause = exchange_.reply().retry_after;
      const std::string reason = text_of_page(error_page_);
      return Error{cat(exchange_.url(), ": ", exchange_.status_text(), reason.empty() ? "" : cat(": ", reason),
                       pause.empty() ? "" : cat(", try again after ", one_line(pause, 40), to_seconds(pause) ? " s" : ""))};
    }
    if (!ran) return ran;
    if (!begun_ && !begin()) return Error{cat(exchange_.url(), ": ", exchange_.refusal())};  // an empty file
    if (::fsync(file_.get()) != 0) return system_error("sync", path_);
    return {};
  }

  /// From the server's error reply.
  std::optional<std::chrono::seconds> retry_after() const { return to_seconds(exchange_.reply().retry_after); }

 private:
  /// Opens the part of an earlier attempt, or creates the file. Anything else in its place is removed: opening a FIFO would
  /// block, and a link would lead elsewhere.
  Result<void> open_part() {
    struct stat info = {};
    if (::lstat(path_.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
      if (auto removed = remove_tree(path_); !removed) return removed;
    }
    file_ = Fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    return file_ ? Result<void>() : system_error("create", path_);
  }

  void ask_to_resume() {
    struct stat info = {};
    const auto known = read_file(origin_path_, kMaxOrigin);
    if (!known || ::fstat(file_.get(), &info) != 0 || info.st_size == 0) return;
    const std::string prefix = exchange_.url() + "\n";
    const std::string noted = known->starts_with(prefix) ? known->substr(prefix.size()) : "";
    const std::string validator(trim(noted.substr(0, noted.find_first_of("\r\n"))));
    if (validator.empty()) return;
    resume_from_ = static_cast<uint64_t>(info.st_size);
    exchange_.ask_from(resume_from_);
    exchange_.add_header("If-Range: " + validator);
    validator_ = validator;
  }

  bool take(std::string_view piece) {
    const long status = exchange_.status();
    if (status != 200 && status != 206) {  // run() reports the status
      error_page_ += piece;
      return error_page_.size() <= kMaxErrorPage;
    }
    if (!begun_ && !begin()) return false;
    if (done_ + piece.size() > limits_.max_size) return refuse_size(cat("it has more than ", limits_.max_size, " bytes"));
    if (auto written = write_all(file_.get(), piece, path_); !written) return refuse(written.error().message);
    done_ += piece.size();
    // The file's size may be unknown, and other processes write to the disk, too.
    if (done_ / kSpaceCheckEvery != (done_ - piece.size()) / kSpaceCheckEvery && !has_space(0)) return false;
    progress_(done_, total_);
    return true;
  }

  /// Called once the header is complete: decides where in the file the body belongs, and checks the free disk space.
  bool begin() {
    begun_ = true;
    if (exchange_.status() == 206) {
      // "bytes 1000-1999/2000": the range must begin where the part ends, in the same file.
      const std::string wanted = cat("bytes ", resume_from_, "-");
      if (resume_from_ == 0 || !exchange_.reply().content_range.starts_with(wanted) || !is_same_file()) {
        forget_part();
        return refuse("the server answered a range that does not fit; the next attempt starts over");
      }
      done_ = resume_from_;
    }
    if (::ftruncate(file_.get(), static_cast<off_t>(done_)) != 0 || ::lseek(file_.get(), 0, SEEK_END) < 0) {
      return refuse(system_error("truncate", path_).message);
    }
    if (done_ == 0) {
      ::unlink(origin_path_.c_str());
      if (const std::string validator = range_validator(exchange_.reply()); !validator.empty()) {
        const auto noted = replace_file(origin_path_, origin(exchange_.url(), validator), 0600);
        if (!noted) return refuse(noted.error().message);
      }
    }
    const auto size = exchange_.body_size();
    if (!size) return true;
    total_ = done_ + *size;
    if (total_ > limits_.max_size) return refuse_size(cat("it has ", total_, " bytes, the limit is ", limits_.max_size));
    return has_space(*size);
  }

  /// False when the server ignored If-Range and sends a range of another file.
  bool is_same_file() const {
    const std::string now = range_validator(exchange_.reply());
    return now.empty() || now == validator_ || exchange_.reply().last_modified == validator_;
  }

  bool has_space(uint64_t needed) {
    const auto checked = check_disk_space(path_, needed, limits_.reserve);
    return checked || refuse(checked.error().message);
  }

  bool refuse(std::string why) { return exchange_.refuse(std::move(why)); }

  /// Removes the part: the next attempt would fail in the same way.
  bool refuse_size(std::string why) {
    ::unlink(path_.c_str());
    forget_part();
    return refuse(std::move(why));
  }

  void forget_part() {
    ::unlink(origin_path_.c_str());  // without its origin, the next attempt does not resume it
  }

  const std::string path_;
  const std::string origin_path_;
  const DownloadLimits limits_;
  const Progress& progress_;
  HttpClient exchange_;
  Fd file_;
  uint64_t resume_from_ = 0;
  std::string validator_;  // of the part
  bool begun_ = false;
  std::string error_page_;
  uint64_t done_ = 0;
  uint64_t total_ = 0;
};

}  // namespace

Result<HttpReply> post_json(const std::string& url, const std::string& body, size_t max_size, std::chrono::seconds timeout,
                            const std::stop_token& cancel, const ClientCredentials& access) {
  HttpClient exchange(url, max_size, cancel, access);
  exchange.add_header("Content-Type: application/json");
  exchange.add_header("Expect:");  // no 100-continue: the request is one write
  exchange.post(body);
  exchange.end_after(timeout);
  return collect(exchange, max_size);
}

Result<HttpReply> get_small(const std::string& url, size_t max_size, std::chrono::seconds timeout,
                            const std::stop_token& cancel, const ClientCredentials& access) {
  HttpClient exchange(url, max_size, cancel, access);
  exchange.follow_redirects();
  exchange.end_after(timeout);
  return collect(exchange, max_size);
}

std::optional<DownloadError> download(const std::string& url, const std::string& path, const DownloadLimits& limits,
                                      const Progress& progress, const std::stop_token& cancel,
                                      const ClientCredentials& access) {
  Download download(url, path, limits, progress, cancel, access);
  const auto ran = download.run();
  return ran ? std::nullopt : std::optional(DownloadError{ran.error(), download.retry_after()});
}

bool is_part_of(const std::string& path, const std::string& url) {
  const auto known = read_file(path + ".from", kMaxOrigin);
  return known && known->starts_with(without_secrets(url) + "\n");
}

}  // namespace ops::updater
