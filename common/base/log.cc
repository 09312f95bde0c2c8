#include "common/base/log.h"

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace ops::log {

namespace {

constexpr size_t kFileSize = 10 << 20;
constexpr size_t kOlderFiles = 4;
constexpr size_t kLineLimit = 4096;

std::shared_ptr<spdlog::logger> make_logger(spdlog::sink_ptr sink) {
  auto logger = std::make_shared<spdlog::logger>("ops", std::move(sink));
  logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %z %l %v");
  logger->flush_on(spdlog::level::debug);
  return logger;
}

bool in_file = false;

std::shared_ptr<spdlog::logger>& logger() {
  static auto current = make_logger(std::make_shared<spdlog::sinks::stderr_sink_mt>());
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
    logger() = make_logger(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(path, kFileSize, kOlderFiles));
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

void write(Level level, const std::string& line) {
  if (!logger()->should_log(to_spdlog(level))) return;
  logger()->log(to_spdlog(level), "{}", one_line(line, kLineLimit));
}

}  // namespace ops::log
