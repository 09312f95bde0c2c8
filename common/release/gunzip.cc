#include "common/release/gunzip.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>

namespace ops {

namespace {

constexpr size_t kBlockSize = 64 << 10;
constexpr int kGzipOnly = 16;  // zlib: added to the window bits, it accepts gzip files only

}  // namespace

Gunzip::Gunzip(const std::string& path)
    : path_(path),
      file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)),
      stream_(std::make_unique<z_stream_s>()),
      input_(kBlockSize, '\0'),
      output_(kBlockSize, '\0') {
  if (!file_) {
    fault_ = ReleaseError{ReleaseFault::host, system_error("read", path_)};
  } else if (::inflateInit2(stream_.get(), MAX_WBITS + kGzipOnly) != Z_OK) {
    fault_ = host_fault("cannot start to unpack: out of memory");
  }
}

Gunzip::~Gunzip() { ::inflateEnd(stream_.get()); }

/// Reads more input when the buffer is empty. False at the end of the file and on an error.
bool Gunzip::refill() {
  if (stream_->avail_in > 0) return true;
  ssize_t size = 0;
  do {
    size = ::read(file_.get(), input_.data(), input_.size());
  } while (size < 0 && errno == EINTR);
  if (size < 0) fault_ = ReleaseError{ReleaseFault::host, system_error("read", path_)};
  stream_->next_in = reinterpret_cast<Bytef*>(input_.data());
  stream_->avail_in = size > 0 ? static_cast<uInt>(size) : 0;
  return size > 0;
}

/// After the end of a gzip file: whether another gzip file follows.
bool Gunzip::next_member_begins() {
  constexpr Bytef kFirstByte = 0x1f;
  return refill() && *stream_->next_in == kFirstByte && ::inflateReset(stream_.get()) == Z_OK;
}

std::string_view Gunzip::read() {
  stream_->next_out = reinterpret_cast<Bytef*>(output_.data());
  stream_->avail_out = static_cast<uInt>(output_.size());
  while (!fault_ && !is_over_ && stream_->avail_out > 0) {
    if (!refill()) {
      if (!fault_) fault_ = release_fault("it is truncated: its gzip data ends early; copy it again");
      break;
    }
    const int result = ::inflate(stream_.get(), Z_NO_FLUSH);
    if (result == Z_STREAM_END) {
      is_over_ = !next_member_begins();
    } else if (result == Z_MEM_ERROR) {
      fault_ = host_fault("cannot unpack it: out of memory");
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      const char* why = stream_->msg == nullptr ? "unknown cause" : stream_->msg;
      fault_ = release_fault(cat("its gzip data is damaged (", why, "); copy it again"));
    }
  }
  if (fault_) return {};
  const size_t size = output_.size() - stream_->avail_out;
  bytes_read_ += size;
  return std::string_view(output_).substr(0, size);
}

}  // namespace ops
