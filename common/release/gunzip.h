#pragma once

// Undoes gzip, and verifies its checksums, by zlib. Several gzip files one after the other are one, as for gzip itself; what
// follows and is no gzip file is ignored.

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

  /// The next bytes, valid until the next call; "" at the end, and from an error on, which fault() names.
  std::string_view read();

  /// The error that read() met, if any.
  const ReleaseOutcome& fault() const { return fault_; }

  /// Bytes that read() returned so far.
  uint64_t bytes_read() const { return bytes_read_; }

 private:
  bool refill();
  bool begins_another();

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
