#pragma once

// Decompresses a gzip file and verifies its checksums, with zlib. Like gzip, it reads concatenated gzip files as one file, and
// ignores other data after them.

#include <memory>
#include <string>
#include <string_view>

#include "common/base/file.h"
#include "common/release/fault.h"

struct z_stream_s;

namespace ops {

class Gunzip {
 public:
  explicit Gunzip(const std::string& path);
  ~Gunzip();
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  /// The next decompressed bytes, valid until the next call; "" at the end and after an error (see fault()).
  std::string_view read();

  /// The error of read(), if any.
  const ReleaseOutcome& fault() const { return fault_; }

  /// The number of bytes that read() has returned.
  uint64_t bytes_read() const { return bytes_read_; }

 private:
  bool refill();
  bool next_member_begins();

  const std::string path_;
  const Fd file_;
  std::unique_ptr<z_stream_s> stream_;
  std::string input_;
  std::string output_;
  ReleaseOutcome fault_;
  uint64_t bytes_read_ = 0;
  bool is_over_ = false;
};

}  // namespace ops
