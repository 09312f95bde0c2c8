#include "updater/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>

#include "common/file.h"

namespace ops::updater {

namespace {

using Outcome = std::optional<UnpackError>;

constexpr size_t kBlockSize = 64 << 10;
constexpr uint64_t kDiskBlock = 4096;
constexpr char kControl[] = "control";

Outcome release_fault(std::string message) { return UnpackError{UnpackFault::release, {std::move(message)}}; }
Outcome host_fault(std::string message) { return UnpackError{UnpackFault::host, {std::move(message)}}; }

std::string archive_message(archive* from) {
  const char* text = archive_error_string(from);
  return text == nullptr ? "unknown error" : one_line(text, 300);
}

/// "./a//b" as "a/b", and "." as ""; nullopt for an absolute name or one with "..".
std::optional<std::string> clean_name(const std::string& name) {
  if (name.empty() || name[0] == '/') return std::nullopt;
  std::string clean;
  std::istringstream parts(name);
  for (std::string part; std::getline(parts, part, '/');) {
    if (part.empty() || part == ".") continue;
    if (part == "..") return std::nullopt;
    clean += (clean.empty() ? "" : "/") + part;
  }
  return clean;
}

/// Whether a symbolic link at `name` (clean) with this target may lead out of the release. ".." may only stand at the start:
/// what lies above a folder that is itself reached through a link is not in the text.
bool leads_out(const std::string& name, const std::string& target) {
  if (target.empty() || target[0] == '/') return true;
  long depth = std::count(name.begin(), name.end(), '/');
  bool is_down = false;
  std::istringstream parts(target);
  for (std::string part; std::getline(parts, part, '/');) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      is_down = true;
    } else if (is_down || --depth < 0) {
      return true;
    }
  }
  return false;
}

/// No name on a disk may be longer than this, and together they must stay far below PATH_MAX.
bool is_too_long(const std::string& name) {
  size_t longest = 0;
  std::istringstream parts(name);
  for (std::string part; std::getline(parts, part, '/');) longest = std::max(longest, part.size());
  return name.size() > 2048 || longest > 255;
}

/// What the updater writes into a release's folder itself.
bool is_ours(const std::string& name) {
  const std::string top = name.substr(0, name.find('/'));
  return top == ".installed" || top == ".installed.new";
}

std::string text_or_empty(const char* text) { return text == nullptr ? "" : text; }

/// An open .tar.gz.
class Reader {
 public:
  explicit Reader(const std::string& path) : archive_(archive_read_new(), &archive_read_free) {
    archive_read_support_format_tar(archive_.get());
    archive_read_support_filter_gzip(archive_.get());
    opened_ = archive_read_open_filename(archive_.get(), path.c_str(), kBlockSize) == ARCHIVE_OK;
  }

  /// The next entry; nullptr at the end and, with `fault` set, when the archive is broken.
  archive_entry* next(Outcome& fault) {
    archive_entry* entry = nullptr;
    const int result = opened_ ? archive_read_next_header(archive_.get(), &entry) : ARCHIVE_FATAL;
    if (result == ARCHIVE_EOF) return nullptr;
    // A warning is that a name can't be had in the locale's character set; its bytes are there.
    if (result == ARCHIVE_OK || result == ARCHIVE_WARN) return entry;
    fault = read_fault();
    return nullptr;
  }

  /// Why reading failed: libarchive's own codes are about what it read, those of the system are not.
  Outcome read_fault() const {
    const int code = archive_errno(archive_.get());
    const bool is_content = code <= 0 || code == EILSEQ || code == EINVAL;
    const std::string message = archive_message(archive_.get());
    return is_content ? release_fault(cat("it is not a good .tar.gz: ", message))
                      : host_fault(cat("cannot read it: ", message));
  }

  archive* get() const { return archive_.get(); }

 private:
  std::unique_ptr<archive, decltype(&archive_read_free)> archive_;
  bool opened_ = false;
};

/// The first pass: judges every entry, reads all of it, and writes nothing.
class Inspection {
 public:
  Inspection(uint64_t packed_size, const UnpackLimits& limits) : packed_size_(packed_size), limits_(limits) {}

  Outcome inspect(Reader& reader, const std::stop_token& cancel) {
    Outcome fault;
    while (archive_entry* entry = reader.next(fault)) {
      if (Outcome refused = judge(entry)) return refused;
      if (Outcome broken = skim(reader, cancel)) return broken;
    }
    if (fault) return fault;
    if (!has_control_) return release_fault("it has no executable file named control at its top");
    return std::nullopt;
  }

  /// On a disk, where even an empty file takes a block.
  uint64_t room_needed() const { return room_needed_; }

 private:
  enum class Kind { file, folder, link };

  Outcome judge(archive_entry* entry) {
    const std::string raw = text_or_empty(archive_entry_pathname(entry));
    const auto name = clean_name(raw);
    const auto refuse = [&](const std::string& why) {
      return release_fault(cat("its entry \"", one_line(raw, 200), "\" ", why));
    };
    if (!name) return refuse("has a name that leads out of the folder");
    if (is_too_long(*name)) return refuse("has too long a name");
    if (is_ours(*name)) return refuse("has a name that the updater keeps for itself");
    if (Outcome too_much = count(entry)) return too_much;
    if (const char* target = archive_entry_hardlink(entry)) {
      if (Outcome refused = judge_hard_link(target, *name, refuse)) return refused;
      return place(*name, Kind::file, refuse);
    }
    switch (archive_entry_filetype(entry)) {
      case AE_IFREG:
        if (*name == kControl) has_control_ = (archive_entry_perm(entry) & S_IXUSR) != 0;
        return place(*name, Kind::file, refuse);
      case AE_IFDIR: return place(*name, Kind::folder, refuse);
      case AE_IFLNK:
        if (leads_out(*name, text_or_empty(archive_entry_symlink(entry))))
          return refuse("is a link that leads out of the folder");
        return place(*name, Kind::link, refuse);
      default: return refuse("is neither a file, a folder nor a link");
    }
  }

  Outcome count(archive_entry* entry) {
    if (++entries_ > limits_.max_entries) return release_fault(cat("it has more than ", limits_.max_entries, " entries"));
    const auto size = static_cast<uint64_t>(std::max<int64_t>(archive_entry_size(entry), 0));
    unpacked_size_ += size;
    if (unpacked_size_ > limits_.max_size) return release_fault(cat("unpacked it has more than ", limits_.max_size, " bytes"));
    if (unpacked_size_ > (packed_size_ + kBlockSize) * limits_.max_ratio) {
      return release_fault(cat("it unpacks to more than ", limits_.max_ratio, " times its size"));
    }
    room_needed_ += (size / kDiskBlock + 1) * kDiskBlock;
    return std::nullopt;
  }

  /// Notes that the entry is there. Every name must lead through real folders to a place that is free, or holds the same kind
  /// of thing: writing to a/b when a is a link would write to wherever a leads.
  template <typename Refuse>
  Outcome place(const std::string& name, Kind kind, const Refuse& refuse) {
    for (size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1)) {
      const Kind above = kinds_.emplace(name.substr(0, slash), Kind::folder).first->second;
      if (above == Kind::link) return refuse("lies below a symbolic link");
      if (above == Kind::file) return refuse("lies below a file");
    }
    const auto [known, is_new] = kinds_.emplace(name, kind);
    if (!is_new && (known->second != kind || kind == Kind::link)) return refuse("is there twice");
    if (name == kControl && kind != Kind::file) return refuse("must be a plain file");
    return std::nullopt;
  }

  template <typename Refuse>
  Outcome judge_hard_link(const std::string& target, const std::string& name, const Refuse& refuse) {
    const auto clean = clean_name(target);
    if (!clean) return refuse("is a link that leads out of the folder");
    if (name == kControl) return refuse("must be a plain file");
    const auto known = kinds_.find(*clean);
    if (known == kinds_.end() || known->second != Kind::file || *clean == name) {
      return refuse("is a link to what is no file before it");
    }
    return std::nullopt;
  }

  /// Reads the entry's content, which may be long.
  static Outcome skim(Reader& reader, const std::stop_token& cancel) {
    const void* block = nullptr;
    size_t size = 0;
    la_int64_t offset = 0;
    for (;;) {
      if (cancel.stop_requested()) return host_fault("unpacking was cancelled");
      const int read = archive_read_data_block(reader.get(), &block, &size, &offset);
      if (read == ARCHIVE_EOF) return std::nullopt;
      if (read != ARCHIVE_OK) return reader.read_fault();
    }
  }

  const uint64_t packed_size_;
  const UnpackLimits limits_;
  std::map<std::string, Kind> kinds_;
  uint64_t entries_ = 0;
  uint64_t unpacked_size_ = 0;
  uint64_t room_needed_ = 0;
  bool has_control_ = false;
};

Outcome copy_content(Reader& reader, archive* disk, const std::stop_token& cancel) {
  const void* block = nullptr;
  size_t size = 0;
  la_int64_t offset = 0;
  for (;;) {
    if (cancel.stop_requested()) return host_fault("unpacking was cancelled");
    const int read = archive_read_data_block(reader.get(), &block, &size, &offset);
    if (read == ARCHIVE_EOF) return std::nullopt;
    if (read != ARCHIVE_OK) return reader.read_fault();
    if (archive_write_data_block(disk, block, size, offset) != ARCHIVE_OK) {
      return host_fault(cat("cannot write it to the disk: ", archive_message(disk)));
    }
  }
}

/// The second pass, over an archive that was judged good.
Outcome extract(Reader& reader, const std::string& folder, const std::stop_token& cancel) {
  const std::unique_ptr<archive, decltype(&archive_write_free)> disk(archive_write_disk_new(), &archive_write_free);
  archive_write_disk_set_options(disk.get(), ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_SECURE_NODOTDOT);
  Outcome fault;
  while (archive_entry* entry = reader.next(fault)) {
    const auto name = clean_name(text_or_empty(archive_entry_pathname(entry)));
    if (!name) return release_fault("it changed while it was read");
    if (name->empty()) continue;  // the folder itself
    const bool is_folder = archive_entry_filetype(entry) == AE_IFDIR;
    archive_entry_copy_pathname(entry, cat(folder, "/", *name).c_str());
    archive_entry_set_perm(entry, (archive_entry_perm(entry) & 0755) | (is_folder ? 0700 : 0));
    if (const char* target = archive_entry_hardlink(entry)) {
      const std::string path = cat(folder, "/", clean_name(target).value_or(""));
      archive_entry_copy_hardlink(entry, path.c_str());
    }
    if (archive_write_header(disk.get(), entry) != ARCHIVE_OK) {
      return host_fault(cat("cannot create ", *name, ": ", archive_message(disk.get())));
    }
    if (archive_entry_size(entry) > 0) {
      if (Outcome failed = copy_content(reader, disk.get(), cancel)) return failed;
    }
    if (archive_write_finish_entry(disk.get()) != ARCHIVE_OK) {
      return host_fault(cat("cannot write ", *name, ": ", archive_message(disk.get())));
    }
  }
  if (fault) return fault;
  if (archive_write_close(disk.get()) != ARCHIVE_OK) return host_fault(cat("cannot finish: ", archive_message(disk.get())));
  return std::nullopt;
}

Outcome check_room(const std::string& folder, uint64_t needed, uint64_t reserve) {
  struct statvfs disk{};
  if (::statvfs(folder.c_str(), &disk) != 0) return std::nullopt;
  const uint64_t available = uint64_t{disk.f_bavail} * disk.f_frsize;
  if (available >= needed + reserve) return std::nullopt;
  return host_fault(cat("not enough disk space: unpacked it takes ", needed, " bytes and ", reserve, " are to stay free, ",
                        available, " bytes are free on the disk of ", folder));
}

}  // namespace

std::optional<UnpackError> unpack(const std::string& tarball, const std::string& folder, const UnpackLimits& limits,
                                  const std::stop_token& cancel) {
  struct stat info{};
  if (::stat(tarball.c_str(), &info) != 0) return UnpackError{UnpackFault::host, system_error("read", tarball)};
  Inspection inspection(static_cast<uint64_t>(info.st_size), limits);
  {
    Reader reader(tarball);
    if (Outcome refused = inspection.inspect(reader, cancel)) return refused;
  }
  if (auto made = make_directories(folder); !made) return UnpackError{UnpackFault::host, made.error()};
  if (Outcome full = check_room(folder, inspection.room_needed(), limits.reserve)) return full;
  Reader reader(tarball);
  if (Outcome failed = extract(reader, folder, cancel)) return failed;
  if (auto synced = sync_tree(folder); !synced) return UnpackError{UnpackFault::host, synced.error()};
  return std::nullopt;
}

}  // namespace ops::updater
