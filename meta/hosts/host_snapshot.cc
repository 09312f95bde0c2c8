#include "meta/hosts/host_snapshot.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <unordered_map>

#include "common/base/file.h"

namespace ops::meta {

namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kMagic = "OPSHOSTS";
constexpr uint32_t kFormat = 1;
constexpr size_t kBlockSize = 256 << 10;
constexpr size_t kLargestBlock = 2 << 20;  // a host alone may have a megabyte
constexpr size_t kHostsAtATime = 256;

struct Header {
  char magic[8];
  uint32_t format;
  uint32_t saved_at_low;  // two halves: the header has no gaps
  uint32_t saved_at_high;
};

struct BlockHead {
  uint32_t size;
  uint32_t checksum_low;
  uint32_t checksum_high;
};

/// Of the bytes and of what came before. Not against malice: whoever may write the file may write anything.
uint64_t checksum_of(std::string_view bytes, uint64_t before) {
  constexpr uint64_t kPrime = 0x9E3779B97F4A7C15;
  uint64_t sum = before ^ (bytes.size() * kPrime);
  while (!bytes.empty()) {
    uint64_t word = 0;
    const size_t size = std::min(bytes.size(), sizeof word);
    std::memcpy(&word, bytes.data(), size);
    sum = std::rotl((sum ^ word) * kPrime, 29);
    bytes.remove_prefix(size);
  }
  return sum;
}

BlockHead block_head(size_t size, uint64_t checksum) {
  return {static_cast<uint32_t>(size), static_cast<uint32_t>(checksum), static_cast<uint32_t>(checksum >> 32)};
}

template <typename Value>
std::string_view bytes_of(const Value& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

uint64_t to_seconds(HostTable::TimePoint time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  return static_cast<uint64_t>(std::max<int64_t>(seconds, 0));
}

HostTable::TimePoint to_time(uint64_t seconds) {
  return HostTable::TimePoint(std::chrono::seconds(std::min<uint64_t>(seconds, UINT32_MAX)));
}

uint64_t zigzag(int64_t value) { return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63); }
int64_t unzigzag(uint64_t value) { return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1)); }

/// Puts hosts into blocks.
class Writer {
 public:
  void add(std::string_view hostname, const Host& host) {
    const uint64_t heard_at = to_seconds(host.heard_at);
    text(hostname);
    number(heard_at);
    name(host.updater_version);
    name(host.platform);
    number(host.agents.size());
    for (const RealAgent& agent : host.agents) {
      for (const std::string* field : {&agent.name, &agent.version, &agent.status}) name(*field);
      number(zigzag(static_cast<int64_t>(static_cast<uint64_t>(agent.timestamp) - heard_at)));
    }
    number(host.updates.size());
    for (const AgentUpdate& update : host.updates) {
      for (const std::string* field : {&update.name, &update.version, &update.phase}) name(*field);
      for (const int64_t field : {update.done, update.total, update.attempts, update.since}) number(zigzag(field));
      text(update.error);
    }
  }

  size_t size() const { return block_.size(); }

  /// The block that was begun, with its head.
  std::string take() {
    checksum_ = checksum_of(block_, checksum_);
    std::string whole(bytes_of(block_head(block_.size(), checksum_)));
    whole += block_;
    block_.clear();
    return whole;
  }

  std::string take_end(size_t hosts) const {
    return std::string(bytes_of(block_head(0, checksum_of(bytes_of(hosts), checksum_))));
  }

 private:
  void number(uint64_t value) {
    for (; value >= 0x80; value >>= 7) block_ += static_cast<char>(value | 0x80);
    block_ += static_cast<char>(value);
  }

  void text(std::string_view value) {
    number(value.size());
    block_ += value;
  }

  void name(const std::string& value) {
    const auto [found, is_new] = names_.try_emplace(value, names_.size() + 1);
    number(is_new ? 0 : found->second);
    if (is_new) text(value);
  }

  std::string block_;
  uint64_t checksum_ = 0;
  std::unordered_map<std::string, uint64_t> names_;
};

/// Takes hosts out of blocks. Past the end of a block, everything is empty and `is_bad`.
class Reader {
 public:
  /// False when it is not the block that was written.
  bool enter(std::string_view block, uint64_t checksum) {
    block_ = block;
    checksum_ = checksum_of(block, checksum_);
    return checksum_ == checksum;
  }

  bool is_end(size_t hosts, uint64_t checksum) const { return checksum_of(bytes_of(hosts), checksum_) == checksum; }
  bool is_at_end() const { return block_.empty(); }
  bool is_bad() const { return is_bad_; }

  /// Fills `host` and returns when it was heard.
  uint64_t next(HeartbeatRequest& host) {
    host.hostname = text();
    const uint64_t heard_at = number();
    host.updater_version = name();
    host.platform = name();
    host.real_agents.resize(count());
    for (RealAgent& agent : host.real_agents) {
      for (std::string* field : {&agent.name, &agent.version, &agent.status}) *field = name();
      agent.timestamp = static_cast<int64_t>(static_cast<uint64_t>(unzigzag(number())) + heard_at);
    }
    host.updates.resize(count());
    for (AgentUpdate& update : host.updates) {
      for (std::string* field : {&update.name, &update.version, &update.phase}) *field = name();
      for (int64_t* field : {&update.done, &update.total, &update.attempts, &update.since}) *field = unzigzag(number());
      update.error = text();
    }
    if (!is_valid_hostname(host.hostname)) is_bad_ = true;
    return heard_at;
  }

 private:
  uint64_t number() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !block_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(block_.front());
      block_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    is_bad_ = true;
    return 0;
  }

  size_t count() {
    const uint64_t value = number();
    if (value > kMaxAgentsPerHost) is_bad_ = true;
    return is_bad_ ? 0 : value;
  }

  std::string_view text() {
    const uint64_t size = number();
    if (size > block_.size()) is_bad_ = true;
    if (is_bad_) return {};
    const std::string_view value = block_.substr(0, size);
    block_.remove_prefix(size);
    return value;
  }

  std::string_view name() {
    const uint64_t number_of_name = number();
    if (number_of_name == 0) return names_.emplace_back(text());
    if (number_of_name > names_.size()) is_bad_ = true;
    return is_bad_ ? std::string_view() : names_[number_of_name - 1];
  }

  std::string_view block_;
  uint64_t checksum_ = 0;
  bool is_bad_ = false;
  std::deque<std::string> names_;
};

Result<size_t> write_hosts(const HostTable& hosts, int fd, const std::string& path, uint64_t now) {
  Header header{{}, kFormat, static_cast<uint32_t>(now), static_cast<uint32_t>(now >> 32)};
  std::memcpy(header.magic, kMagic.data(), sizeof header.magic);
  if (auto written = write_all(fd, bytes_of(header), path); !written) return written.error();
  Writer writer;
  Host host;  // its memory is used for all of them
  size_t count = 0;
  std::string from;
  for (bool more = true; more;) {
    more = hosts.visit(from, kHostsAtATime, [&](const HostView& view) {
      view.copy_to(host);
      writer.add(view.name(), host);
      ++count;
      return writer.size() < kBlockSize;
    });
    if (writer.size() < kBlockSize && (more || writer.size() == 0)) continue;
    if (auto written = write_all(fd, writer.take(), path); !written) return written.error();
  }
  if (auto written = write_all(fd, writer.take_end(count), path); !written) return written.error();
  if (::fsync(fd) != 0) return system_error("sync", path);
  return count;
}

/// Reads exactly so many bytes; false at the end of the file and when reading fails.
bool read_exactly(int fd, char* to, size_t size) {
  while (size > 0) {
    const ssize_t n = ::read(fd, to, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    to += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

template <typename Value>
bool read_value(int fd, Value& value) {
  return read_exactly(fd, reinterpret_cast<char*>(&value), sizeof value);
}

/// What makes the header useless; "" when nothing does.
std::string fault_of(const Header& header, HostTable::TimePoint now) {
  if (std::string_view(header.magic, sizeof header.magic) != kMagic) return "it is no table of hosts";
  if (header.format != kFormat) return cat("its format is ", header.format, ", not ", kFormat);
  const uint64_t saved_at = header.saved_at_low | static_cast<uint64_t>(header.saved_at_high) << 32;
  if (now - to_time(saved_at) > kForgetAfter) return "it is older than 3 days";
  return {};
}

struct Counts {
  size_t in_file = 0;
  size_t in_table = 0;
};

Result<void> read_block(Reader& reader, HostTable& hosts, HostTable::TimePoint now, Counts& counts) {
  HeartbeatRequest host;
  while (!reader.is_at_end()) {
    const uint64_t heard_at = reader.next(host);
    if (reader.is_bad()) return Error{"a host in it makes no sense"};
    // A clock that was set back must not keep a host for ever.
    const auto recorded = hosts.record(host, std::min(to_time(heard_at), now));
    counts.in_table += recorded ? 1 : 0;
    ++counts.in_file;
  }
  return {};
}

Result<size_t> read_hosts(HostTable& hosts, int fd, HostTable::TimePoint now) {
  const Error damaged{"it is damaged"};
  Header header{};
  if (!read_value(fd, header)) return damaged;
  if (const std::string fault = fault_of(header, now); !fault.empty()) return Error{fault};
  Reader reader;
  std::string block;
  Counts counts;
  for (;;) {
    BlockHead head{};
    if (!read_value(fd, head) || head.size > kLargestBlock) return damaged;
    const uint64_t checksum = head.checksum_low | static_cast<uint64_t>(head.checksum_high) << 32;
    if (head.size == 0) {
      char beyond = 0;
      if (!reader.is_end(counts.in_file, checksum) || ::read(fd, &beyond, 1) != 0) return damaged;
      return counts.in_table;
    }
    block.resize(head.size);
    if (!read_exactly(fd, block.data(), block.size()) || !reader.enter(block, checksum)) return damaged;
    if (auto read = read_block(reader, hosts, now, counts); !read) return read.error();
  }
}

}  // namespace

Result<size_t> save_hosts(const HostTable& hosts, const std::string& path, HostTable::TimePoint now) {
  const std::string beside = path + ".new";
  ::unlink(beside.c_str());
  const Fd file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return system_error("create", beside);
  auto count = write_hosts(hosts, file.get(), beside, to_seconds(now));
  if (count && ::rename(beside.c_str(), path.c_str()) != 0) count = system_error("replace", path);
  if (!count) {
    ::unlink(beside.c_str());
    return count;
  }
  if (auto synced = sync_directory(std::filesystem::path(path).parent_path()); !synced) return synced.error();
  return count;
}

Result<size_t> load_hosts(HostTable& hosts, const std::string& path, HostTable::TimePoint now) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file && errno == ENOENT) return size_t{0};
  if (!file) return system_error("open", path);
  auto count = read_hosts(hosts, file.get(), now);
  if (count) return count;
  hosts.clear();
  return Error{cat(path, " is ignored: ", count.error().message)};
}

}  // namespace ops::meta
