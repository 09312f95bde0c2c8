#pragma once

// What the updater says and fetches over HTTP: heartbeats, checksum files and tarballs. Every wait is bounded.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "common/base/result.h"
#include "updater/release/http_client.h"

namespace ops::updater {

struct HttpReply {
  long status = 0;
  std::string body;
  std::optional<std::chrono::seconds> retry_after;  // of the Retry-After header, when that is a number
  std::optional<int64_t> date;                      // of the Date header: when it was sent, seconds since 1970
};

/// Sends JSON and returns the reply, whatever its status. An error when there is none within `timeout`, or when it is longer
/// than `max_size` bytes.
Result<HttpReply> post_json(const std::string& url, const std::string& body, size_t max_size, std::chrono::seconds timeout,
                            const std::stop_token& cancel, const ClientCredentials& access = {});

/// A small file, or whatever else the server replies. Redirects are followed.
Result<HttpReply> get_small(const std::string& url, size_t max_size, std::chrono::seconds timeout,
                            const std::stop_token& cancel, const ClientCredentials& access = {});

struct DownloadLimits {
  uint64_t max_size = uint64_t{2} << 30;  // bytes
  uint64_t reserve = uint64_t{32} << 20;  // bytes of the disk that must stay free
  uint64_t least_speed = 1024;            // bytes a second; slower than that for stall_time, and it gives up
  std::chrono::seconds stall_time{30};
  std::chrono::seconds max_time{3600};  // then others have their turn; the next try goes on from there
};

using Progress = std::function<void(uint64_t done, uint64_t total)>;  // bytes; total is 0 while it isn't known

struct DownloadError {
  Error error;
  std::optional<std::chrono::seconds> retry_after;  // when the server said so
};

/// Fetches `url` into `path`, and syncs it. What an earlier try left there is continued when the server says, by ETag or
/// Last-Modified, that it is still the same file (noted in `path`.from); else the file starts over. After an error the part
/// that came stays for the next try, unless it can't be of use. nullopt is success.
std::optional<DownloadError> download(const std::string& url, const std::string& path, const DownloadLimits& limits,
                                      const Progress& progress, const std::stop_token& cancel,
                                      const ClientCredentials& access = {});

}  // namespace ops::updater
