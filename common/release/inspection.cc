#include "common/release/inspection.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/file.h"
#include "common/release/control_text.h"
#include "common/release/file_format.h"
#include "common/release/names.h"
#include "common/release/tree.h"

namespace ops {

namespace {

using Kind = ArchiveEntry::Kind;

constexpr size_t kBlockSize = 64 << 10;
constexpr uint64_t kDiskBlock = 4096;
constexpr size_t kMaxControl = 64 << 10;  // bytes of control that are examined
constexpr char kControl[] = "control";

/// Reads every entry; writes no file.
class Inspection {
 public:
  Inspection(uint64_t packed_size, const ReleaseLimits& limits, ReleaseFindings& findings)
      : packed_size_(packed_size), limits_(limits), findings_(findings) {}

  ReleaseOutcome inspect(ArchiveReader& reader, const std::stop_token& cancel) {
    ReleaseOutcome fault;
    while (const auto entry = reader.next(fault)) {
      if (ReleaseOutcome refused = check(*entry)) return refused;
      if (ReleaseOutcome refused = check_sizes(*entry)) return refused;
      if (ReleaseOutcome broken = read_content(reader, *entry, cancel)) return broken;
    }
    if (fault) return fault;
    if (ReleaseOutcome refused = check_control()) return refused;
    findings_.room_needed = (blocks_ + tree_.implied_folders()) * kDiskBlock;
    findings_.lost = warnings_.lost();
    findings_.warnings = warnings_.warnings();
    findings_.warnings.insert(findings_.warnings.end(), findings_.lost.begin(), findings_.lost.end());
    for (std::string& warning : warnings_about_control(findings_.control)) findings_.warnings.push_back(std::move(warning));
    return std::nullopt;
  }

 private:
  ReleaseOutcome check(const ArchiveEntry& entry) {
    const auto name = clean_name(entry.name);
    const auto refuse = [&](const std::string& why) {
      return release_fault(cat("its entry \"", one_line(entry.name, 200), "\" ", why));
    };
    if (!name) return refuse("has a name that leads out of the folder");
    if (is_too_long(*name)) return refuse("has a name that is too long");
    if (is_updaters_own(*name)) return refuse("has a name that is reserved for the updater");
    if (is_too_deep(*name)) return refuse(cat("is more than ", kMaxDepth, " folders deep"));
    warnings_.add(entry, *name);
    switch (entry.kind) {
      case Kind::hard_link:
        if (ReleaseOutcome refused = check_hard_link(entry.target, *name, refuse)) return refused;
        return place(*name, Kind::file, refuse);
      case Kind::file:
        if (*name == kControl) can_run_control_ = (entry.mode & S_IXUSR) != 0;
        return place(*name, Kind::file, refuse);
      case Kind::symbolic_link:
        if (leads_out(*name, entry.target)) return refuse("is a link that leads out of the folder");
        return place(*name, Kind::symbolic_link, refuse);
      case Kind::folder: return place(*name, Kind::folder, refuse);
      default: return refuse("is neither a file, a folder nor a link");
    }
  }

  ReleaseOutcome check_sizes(const ArchiveEntry& entry) {
    unpacked_size_ += entry.size;
    if (unpacked_size_ > limits_.max_size) return release_fault(cat("it has more than ", limits_.max_size, " bytes unpacked"));
    if (++entries_ + tree_.implied_folders() <= limits_.max_entries) return std::nullopt;
    return release_fault(cat("it has more than ", limits_.max_entries, " entries"));
  }

  template <typename Refuse>
  ReleaseOutcome place(const std::string& name, Kind kind, const Refuse& refuse) {
    if (const std::string error = tree_.add(name, kind); !error.empty()) return refuse(error);
    return name == kControl && kind != Kind::file ? refuse("must be a plain file") : std::nullopt;
  }

  template <typename Refuse>
  ReleaseOutcome check_hard_link(const std::string& target, const std::string& name, const Refuse& refuse) {
    const auto clean = clean_name(target);
    if (!clean) return refuse("is a link that leads out of the folder");
    if (name == kControl) return refuse("must be a plain file");
    if (tree_.find(*clean) != Kind::file || *clean == name)
      return refuse("is a hard link to a name that is not an earlier file");
    return std::nullopt;
  }

  /// Reads the content of the entry, and keeps it when the entry is control.
  ReleaseOutcome read_content(ArchiveReader& reader, const ArchiveEntry& entry, const std::stop_token& cancel) {
    const bool is_control = entry.kind == Kind::file && clean_name(entry.name) == kControl;
    if (is_control) findings_.control.clear();  // a later entry replaces an earlier one
    ReleaseOutcome fault;
    uint64_t size = 0;  // without holes
    for (;;) {
      if (cancel.stop_requested()) return host_fault("unpacking was cancelled");
      if (reader.bytes_read() > (packed_size_ + kBlockSize) * limits_.max_ratio) {
        return release_fault(cat("it unpacks to more than ", limits_.max_ratio, " times its size"));
      }
      const auto piece = reader.read(fault);
      if (!piece) break;
      size += piece->size();
      if (is_control) findings_.control.append(piece->substr(0, kMaxControl - findings_.control.size()));
    }
    blocks_ += size / kDiskBlock + 1;
    return fault;
  }

  ReleaseOutcome check_control() const {
    if (!tree_.find(kControl)) {
      const std::string& deep = warnings_.deep_control();
      if (deep.empty()) return release_fault("it has no file named control at its top");
      const std::string folder = deep.substr(0, deep.rfind('/'));
      return release_fault(cat("control is too deep, at ", deep, ": pack the content of ", folder,
                               ", not the folder itself (tar -C ", folder, " -czf NAME-VERSION.tar.gz .)"));
    }
    if (!can_run_control_) return release_fault("control is not executable: chmod +x control");
    const std::string fault = fault_of_control(findings_.control);
    return fault.empty() ? std::nullopt : release_fault(fault);
  }

  const uint64_t packed_size_;
  const ReleaseLimits limits_;
  ReleaseFindings& findings_;
  PackagingWarnings warnings_;
  ReleaseTree tree_;
  uint64_t entries_ = 0;
  uint64_t unpacked_size_ = 0;
  uint64_t blocks_ = 0;  // on disk, of all entries
  bool can_run_control_ = false;
};

/// The file's first bytes.
Result<std::string> read_head(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return system_error("read", path);
  std::string head(kFormatHead, '\0');
  const ssize_t size = ::read(file.get(), head.data(), head.size());
  if (size < 0) return system_error("read", path);
  head.resize(static_cast<size_t>(size));
  return head;
}

/// Why a file with these first bytes is not a .tar.gz; "" when it may be one.
std::string fault_of_head(const std::string& head) {
  if (head.empty()) return "it is empty, 0 bytes";
  if (is_gzip(head)) return "";
  const std::string format = format_of(head);
  return cat("it is ", format.empty() ? "not a .tar.gz" : format + ", not a .tar.gz", ": pack it with tar -czf");
}

}  // namespace

ReleaseOutcome inspect_release(const std::string& tarball, const ReleaseLimits& limits, const std::stop_token& cancel,
                               ReleaseFindings& findings) {
  struct stat info = {};
  if (::stat(tarball.c_str(), &info) != 0) return host_fault(system_error("read", tarball));
  const auto head = read_head(tarball);
  if (!head) return host_fault(head.error());
  if (std::string fault = fault_of_head(*head); !fault.empty()) return release_fault(std::move(fault));
  ArchiveReader reader(tarball);
  return Inspection(static_cast<uint64_t>(info.st_size), limits, findings).inspect(reader, cancel);
}

}  // namespace ops
