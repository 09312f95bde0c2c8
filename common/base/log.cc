#include "common/base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <mutex>

namespace ops::log {

namespace {

constexpr size_t kFileSize = 10 << 20;
constexpr size_t kOlderFiles = 4;
constexpr size_t kLineLimit = 4096;

/// The rotating file at a path. When another program or an operator has moved or removed the file, the next line goes to a new
/// one.
class FileSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FileSink(std::string path) : path_(std::move(path)) { open(); }

 protected:
  void sink_it_(const spdlog::details::log_msg& line) override {
    if (!is_current()) reopen();
    file_->log(line);
  }
  void flush_() override { file_->flush(); }
  void set_pattern_(const std::string& pattern) override {
    set_formatter_(std::make_unique<spdlog::pattern_formatter>(pattern));
  }
  void set_formatter_(std::unique_ptr<spdlog::formatter> formatter) override {
    file_->set_formatter(formatter->clone());
    formatter_ = std::move(formatter);
  }

 private:
  void open() {
    file_ = std::make_unique<spdlog::sinks::rotating_file_sink_st>(path_, kFileSize, kOlderFiles);
    ::stat(path_.c_str(), &info_);
  }

  bool is_current() const {
    struct stat now = {};
    return ::stat(path_.c_str(), &now) == 0 && now.st_dev == info_.st_dev && now.st_ino == info_.st_ino;
  }

  /// If the new file cannot be opened, the line goes to the old one.
  void reopen() {
    try {
      open();
      file_->set_formatter(formatter_->clone());
    } catch (const spdlog::spdlog_ex&) {
      return;
    }
  }

  const std::string path_;
  std::unique_ptr<spdlog::sinks::rotating_file_sink_st> file_;
  struct stat info_ = {};  // of the file
};

/// Writes the level as the number that syslog(3) and the journal have for it.
class Priority : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& line, const std::tm& /*time*/, spdlog::memory_buf_t& out) override {
    out.push_back(digit(line.level));
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<Priority>(); }

 private:
  static char digit(spdlog::level::level_enum level) {
    switch (level) {
      case spdlog::level::debug: return '7';
      case spdlog::level::warn: return '4';
      case spdlog::level::err: return '3';
      default: return '6';
    }
  }
};

std::shared_ptr<spdlog::logger> make_logger(spdlog::sink_ptr sink, bool is_journal = false) {
  auto logger = std::make_shared<spdlog::logger>("ops", std::move(sink));
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<Priority>('*').set_pattern(is_journal ? "<%*>%v" : "%Y-%m-%d %H:%M:%S.%e %z %l %v");
  logger->set_formatter(std::move(formatter));
  logger->flush_on(spdlog::level::debug);
  return logger;
}

bool in_file = false;

/// $JOURNAL_STREAM is DEVICE:INODE of the journal's socket. A process that systemd did not start inherits it, too.
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat info = {};
  return stream != nullptr && ::fstat(STDERR_FILENO, &info) == 0 && stream == cat(info.st_dev, ":", info.st_ino);
}

std::shared_ptr<spdlog::logger>& logger() {
  static auto current = make_logger(std::make_shared<spdlog::sinks::stderr_sink_mt>(), stderr_is_journal());
  return current;
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug: return spdlog::level::debug;
    case Level::info: return spdlog::level::info;
    case Level::warning: return spdlog::level::warn;
    case Level::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

Result<void> open(const std::string& path) {
  try {
    const auto level = logger()->level();
    logger() = make_logger(std::make_shared<FileSink>(path));
    logger()->set_level(level);
    in_file = true;
    return {};
  } catch (const spdlog::spdlog_ex& failure) {
    return Error{cat("cannot log to ", path, ": ", failure.what())};
  }
}

void set_debug(bool on) { logger()->set_level(on ? spdlog::level::debug : spdlog::level::info); }

bool is_debug() { return logger()->should_log(spdlog::level::debug); }

bool is_in_file() { return in_file; }

bool is_in_journal() { return !in_file && stderr_is_journal(); }

void write(Level level, const std::string& line) {
  if (!logger()->should_log(to_spdlog(level))) return;
  logger()->log(to_spdlog(level), "{}", one_line(line, kLineLimit));
}

}  // namespace ops::log
