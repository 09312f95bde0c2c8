#pragma once

// The updater's HTTP requests: heartbeats, checksum and signature files, and tarballs. Every wait has a limit.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "common/base/result.h"
#include "common/http/http_client.h"

namespace ops::updater {

struct HttpReply {
  long status = 0;
  std::string status_text;  // for messages: "HTTP status 401", and what to do about it
  std::string body;
  std::optional<std::chrono::seconds> retry_after;  // the Retry-After header, when it is a number
  std::optional<int64_t> date;                      // the Date header, in seconds since 1970
};

/// Sends JSON and returns the reply, with any status. An error when no complete reply arrives within `timeout`, or when its
/// body is longer than `max_size` bytes.
Result<HttpReply> post_json(const std::string& url, const std::string& body, size_t max_size, std::chrono::seconds timeout,
                            const std::stop_token& cancel, const ClientCredentials& access = {});

/// Gets a small file, as post_json does, and follows redirects.
Result<HttpReply> get_small(const std::string& url, size_t max_size, std::chrono::seconds timeout,
                            const std::stop_token& cancel, const ClientCredentials& access = {});

struct DownloadLimits {
  uint64_t max_size = uint64_t{2} << 30;  // bytes
  uint64_t reserve = uint64_t{32} << 20;  // bytes of the disk that must stay free
  uint64_t least_speed = 1024;            // bytes/s; a download that is slower for `stall_time` is given up
  std::chrono::seconds stall_time{30};
  std::chrono::seconds max_time{3600};  // then other releases get their turn; the next attempt resumes this one
};

using Progress = std::function<void(uint64_t done, uint64_t total)>;  // bytes; total is 0 while the size is unknown

struct DownloadError {
  Error error;
  std::optional<std::chrono::seconds> retry_after;  // from the server's reply
};

/// Downloads `url` to `path`, and syncs the file. nullopt is success. After an error the received part stays in `path` and its
/// origin (the URL and the ETag or Last-Modified) in `path`.from. The next call resumes the download when the server confirms
/// by If-Range that the file is still the same, and starts over otherwise. After an error that makes the part useless, the
/// part is removed or forgotten.
/// `url` may contain secrets: errors and `path`.from have it without them.
std::optional<DownloadError> download(const std::string& url, const std::string& path, const DownloadLimits& limits,
                                      const Progress& progress, const std::stop_token& cancel,
                                      const ClientCredentials& access = {});

/// Whether `path` has a part that a download of `url` may resume.
bool is_part_of(const std::string& path, const std::string& url);

}  // namespace ops::updater
