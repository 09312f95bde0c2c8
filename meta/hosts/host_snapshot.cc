#include "meta/hosts/host_snapshot.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <tuple>
#include <vector>

#include "common/base/binary_format.h"
#include "common/base/file.h"
#include "meta/hosts/host_snapshot_format.h"

namespace ops::meta {

using namespace host_snapshot;

namespace {

constexpr size_t kBufferSize = 256 << 10;         // bytes
constexpr size_t kMaxFileSize = size_t{4} << 30;  // bytes

/// After a fault all fields are empty and is_bad() is true.
class Decoder {
 public:
  Decoder(std::string_view bytes, uint32_t format) : bytes_(bytes), has_health_(format != kFormatWithoutHealth) {}

  bool is_at_end() const { return bytes_.empty(); }
  bool is_bad() const { return is_bad_; }

  /// Fills `host` and `health`, and returns the time of its last heartbeat, in seconds since 1970.
  uint64_t next(HeartbeatRequest& host, HostTable::HostHealth& health) {
    host.hostname = text();
    const uint64_t heard_at = number();
    host.updater_version = name();
    host.platform = name();
    host.real_agents.resize(count());
    for (RealAgent& agent : host.real_agents) {
      agent.name = name();
      std::tie(agent.version, agent.md5) = split_content(name());
      agent.status = name();
      agent.timestamp = static_cast<int64_t>(static_cast<uint64_t>(unzigzag(number())) + heard_at);
    }
    if (has_health_) read_health(health, host.real_agents.size());
    host.updates.resize(count());
    for (AgentUpdate& update : host.updates) {
      for (std::string* field : {&update.name, &update.version, &update.phase}) *field = name();
      for (int64_t* field : {&update.done, &update.total, &update.attempts, &update.since}) *field = unzigzag(number());
      update.error = text();
    }
    return heard_at;
  }

 private:
  uint64_t number() { return take_leb128(bytes_, is_bad_); }

  void read_health(HostTable::HostHealth& health, size_t agents) {
    health.interval = static_cast<uint32_t>(number());
    health.updater_restarts = static_cast<uint32_t>(number());
    health.agents.resize(agents);
    for (AgentHealth& agent : health.agents) {
      agent.since = static_cast<uint32_t>(number());
      const uint64_t stage = number();
      if (stage >= kStages) is_bad_ = true;
      agent.stage = is_bad_ ? Stage::settled : static_cast<Stage>(stage);
      for (uint8_t* field : {&agent.down, &agent.restarts, &agent.counted}) *field = static_cast<uint8_t>(number());
    }
  }

  size_t count() {
    const uint64_t value = number();
    if (value > kMaxAgentsPerHost) is_bad_ = true;
    return is_bad_ ? 0 : value;
  }

  std::string_view text() {
    const uint64_t size = number();
    if (size > bytes_.size()) is_bad_ = true;
    if (is_bad_) return {};
    const std::string_view value = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return value;
  }

  std::string_view name() {
    const uint64_t number_of_name = number();
    if (number_of_name == 0) return names_.emplace_back(text());
    if (number_of_name > names_.size()) is_bad_ = true;
    return is_bad_ ? std::string_view() : names_[number_of_name - 1];
  }

  std::string_view bytes_;
  bool has_health_;
  bool is_bad_ = false;
  std::vector<std::string_view> names_;  // in bytes_; the name number n is at n - 1
};

Result<size_t> write_hosts(HostsWriter& writer, int fd, const std::string& path) {
  std::string bytes;
  for (bool more = true; more;) {
    more = writer.next(bytes);
    if (more && bytes.size() < kBufferSize) continue;
    if (auto written = write_all(fd, bytes, path); !written) return written.error();
    bytes.clear();
  }
  if (::fsync(fd) != 0) return system_error("sync", path);
  return writer.count();
}

/// Why the file cannot be used; "" if it can.
std::string fault_of(std::string_view file, HostTable::TimePoint now, std::optional<std::chrono::seconds> since_save) {
  if (std::string fault = fault_of_hosts(file); !fault.empty()) return fault;
  const auto age = since_save ? *since_save : now - to_time(number_at<uint64_t>(file, kSavedAtAt));
  if (age > kForgetAfter) return "it is older than 3 days";
  return {};
}

Result<size_t> read_hosts(HostTable& hosts, std::string_view file, HostTable::TimePoint now,
                          std::optional<std::chrono::seconds> since_save) {
  if (const std::string fault = fault_of(file, now, since_save); !fault.empty()) return Error{fault};
  const auto saved_at = to_time(number_at<uint64_t>(file, kSavedAtAt));
  const auto save = now - (since_save ? *since_save : std::max(now - saved_at, HostTable::TimePoint::duration(0)));
  Decoder decoder(file.substr(kHostsAt, file.size() - kHostsAt - kChecksumSize), number_at<uint32_t>(file, kFormatAt));
  HeartbeatRequest host;
  HostTable::HostHealth health;
  size_t count = 0;
  while (!decoder.is_at_end()) {
    const uint64_t heard_at = decoder.next(host, health);
    if (decoder.is_bad()) return Error{"it is damaged"};
    if (!is_valid_hostname(host.hostname)) continue;  // an earlier ops-meta accepted more characters
    const auto age_at_save = std::max(saved_at - to_time(heard_at), HostTable::TimePoint::duration(0));
    if (!hosts.record(host, save - age_at_save)) continue;
    hosts.restore_health(host.hostname, health);
    ++count;
  }
  return count;
}

}  // namespace

/// The checksum is verified before any host is decoded: a damaged version name would count as a release that many hosts ran
/// (Releases::peak).
std::string fault_of_hosts(std::string_view file) {
  if (file.size() < kHostsAt + kChecksumSize) return "it is damaged";
  if (!file.starts_with(kMagic)) return "it is not a host table";
  if (const auto format = number_at<uint32_t>(file, kFormatAt); format != kFormat && format != kFormatWithoutHealth) {
    return cat("its format is ", format, ", not ", kFormat);
  }
  const size_t checksum_at = file.size() - kChecksumSize;
  if (fnv1a(file.substr(0, checksum_at)) != number_at<uint64_t>(file, checksum_at)) return "it is damaged";
  return {};
}

Result<size_t> save_hosts(const HostTable& hosts, const std::string& path, HostTable::TimePoint now,
                          HostTable::TimePoint wall) {
  const std::string beside = path + ".new";
  ::unlink(beside.c_str());
  const Fd file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return system_error("create", beside);
  HostsWriter writer(hosts, now, wall);
  auto count = write_hosts(writer, file.get(), beside);
  if (count && ::rename(beside.c_str(), path.c_str()) != 0) count = system_error("replace", path);
  if (!count) {
    ::unlink(beside.c_str());
    return count;
  }
  if (auto synced = sync_directory(std::filesystem::path(path).parent_path()); !synced) return synced.error();
  return count;
}

Result<size_t> load_hosts(HostTable& hosts, const std::string& path, HostTable::TimePoint now,
                          std::optional<std::chrono::seconds> since_save) {
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return size_t{0};
  const auto file = read_file(path, kMaxFileSize);
  if (!file) return file.error();
  auto count = read_hosts(hosts, *file, now, since_save);
  if (count) return count;
  hosts.clear();
  return Error{cat(path, " is ignored: ", count.error().message)};
}

}  // namespace ops::meta
