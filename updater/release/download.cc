#include "updater/release/download.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <utility>

#include "common/base/file.h"
#include "common/base/text.h"
#include "common/http/message.h"

namespace ops::updater {

namespace {

constexpr uint64_t kMaxErrorPage = 64 << 10;   // bytes; of a reply that is not the file
constexpr uint64_t kRoomCheckEvery = 1 << 20;  // bytes

std::optional<std::chrono::seconds> to_seconds(const std::string& retry_after) {
  const auto count = parse_number(retry_after);
  return count && *count <= UINT32_MAX ? std::optional(std::chrono::seconds(*count)) : std::nullopt;
}

/// The whole reply, in memory.
Result<HttpReply> collect(HttpClient& exchange, size_t max_size) {
  HttpReply reply;
  const auto take = [&](std::string_view piece) {
    if (reply.body.size() + piece.size() > max_size) return exchange.refuse_size();
    reply.body += piece;
    return true;
  };
  if (auto ran = exchange.run(take); !ran) return ran.error();
  reply.status = exchange.status();
  reply.retry_after = to_seconds(exchange.reply().retry_after);
  reply.date = parse_http_date(exchange.reply().date);
  return reply;
}

/// Which file on the server a part on the disk belongs to: the URL, and its validator on the line after.
std::string origin(const std::string& url, const std::string& validator) { return cat(url, "\n", validator, "\n"); }

/// A validator that HTTP lets us make a range conditional on: a strong ETag, or a date.
std::string range_validator(const ReplyHeader& reply) { return reply.etag.starts_with('"') ? reply.etag : reply.last_modified; }

/// A tarball on its way to the disk.
class Download {
 public:
  Download(const std::string& url, const std::string& path, const DownloadLimits& limits, const Progress& progress,
           const std::stop_token& cancel, const ClientCredentials& access)
      : path_(path),
        origin_path_(path + ".from"),
        limits_(limits),
        progress_(progress),
        access_(access),
        exchange_(url, limits.max_size, cancel, access) {}

  Result<void> run() {
    if (auto opened = open_part(); !opened) return opened;
    ask_for_the_rest();
    exchange_.follow_redirects();
    exchange_.end_when_slower(limits_.least_speed, limits_.stall_time);
    exchange_.end_after(limits_.max_time);
    auto ran = exchange_.run([this](std::string_view piece) { return take(piece); });
    const long status = exchange_.status();
    if (status == 416 && exchange_.reply().content_range == cat("bytes */", resume_from_)) return {};  // all of it is here
    if (status == 416) forget_part();                // the part is longer than the file is now
    const bool is_lost = status / 100 == 3 && !ran;  // in redirects
    if (status != 0 && status != 200 && status != 206 && !is_lost) {
      const std::string& pause = exchange_.reply().retry_after;
      return Error{cat(exchange_.url(), ": ", status_text(status, exchange_.url(), access_),
                       pause.empty() ? "" : cat(", try again after ", one_line(pause, 40), to_seconds(pause) ? " s" : ""))};
    }
    if (!ran) return ran;
    if (!begun_ && !begin()) return Error{cat(exchange_.url(), ": ", exchange_.refusal())};  // an empty file
    if (::fsync(file_.get()) != 0) return system_error("sync", path_);
    return {};
  }

  /// What the server said to that when it did not give the file.
  std::optional<std::chrono::seconds> retry_after() const { return to_seconds(exchange_.reply().retry_after); }

 private:
  /// Opens the part that is there. Anything but a plain file is nothing of ours: a FIFO would be waited for, a link followed.
  Result<void> open_part() {
    struct stat info = {};
    if (::lstat(path_.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
      if (auto removed = remove_tree(path_); !removed) return removed;
    }
    file_ = Fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    return file_ ? Result<void>() : system_error("create", path_);
  }

  void ask_for_the_rest() {
    struct stat info = {};
    const auto known = read_file(origin_path_, 16384);
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
      if (resume_from_ == 0 || !exchange_.reply().content_range.starts_with(wanted) || !is_same_file()) {
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
      if (const std::string validator = range_validator(exchange_.reply()); !validator.empty()) {
        const auto noted = replace_file(origin_path_, origin(exchange_.url(), validator), 0600);
        if (!noted) return refuse(noted.error().message);
      }
    }
    const auto size = exchange_.body_size();
    if (!size) return true;
    total_ = done_ + *size;
    if (total_ > limits_.max_size) return refuse_size(cat("it has ", total_, " bytes, the limit is ", limits_.max_size));
    return has_room(*size);
  }

  /// A server that ignores If-Range may send a part of another file.
  bool is_same_file() const {
    const std::string now = range_validator(exchange_.reply());
    return now.empty() || now == validator_ || exchange_.reply().last_modified == validator_;
  }

  bool has_room(uint64_t needed) {
    struct statvfs disk = {};
    if (::fstatvfs(file_.get(), &disk) != 0) return true;
    const uint64_t available = uint64_t{disk.f_bavail} * disk.f_frsize;
    if (available >= needed + limits_.reserve) return true;
    return refuse(cat("not enough disk space: it needs ", needed, " bytes and ", limits_.reserve, " are to stay free, ",
                      available, " bytes are free on the disk of ", path_));
  }

  bool refuse(std::string why) { return exchange_.refuse(std::move(why)); }

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
  const ClientCredentials& access_;
  HttpClient exchange_;
  Fd file_;
  uint64_t resume_from_ = 0;
  std::string validator_;  // of the part that is there
  bool begun_ = false;
  uint64_t error_page_ = 0;  // bytes of a reply that is not the file
  uint64_t done_ = 0;
  uint64_t total_ = 0;
};

}  // namespace

Result<HttpReply> post_json(const std::string& url, const std::string& body, size_t max_size, std::chrono::seconds timeout,
                            const std::stop_token& cancel, const ClientCredentials& access) {
  HttpClient exchange(url, max_size, cancel, access);
  exchange.add_header("Content-Type: application/json");
  exchange.add_header("Expect:");  // no 100-continue: one write, one answer
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

}  // namespace ops::updater
