#include "common/release/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/release/file_format.h"

namespace ops {

namespace {

constexpr uint64_t kMaxHeader = 1 << 20;  // bytes of one entry's headers
constexpr uint64_t kMaxTail = 1 << 20;    // bytes of padding after the end of the tar

std::string archive_message(archive* from) {
  const char* text = archive_error_string(from);
  return text == nullptr ? "unknown error" : one_line(text, 300);
}

std::string text_or_empty(const char* text) { return text == nullptr ? "" : text; }

ArchiveEntry::Kind kind_of(archive_entry* entry) {
  if (archive_entry_hardlink(entry) != nullptr) return ArchiveEntry::Kind::hard_link;
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG: return ArchiveEntry::Kind::file;
    case AE_IFDIR: return ArchiveEntry::Kind::folder;
    case AE_IFLNK: return ArchiveEntry::Kind::symbolic_link;
    default: return ArchiveEntry::Kind::other;
  }
}

constexpr char kCapability[] = "security.capability";

/// The value of the extended attribute that holds capabilities; "" without it.
std::string capabilities_of(archive_entry* entry) {
  archive_entry_xattr_reset(entry);
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
    if (text_or_empty(name) == kCapability) return {static_cast<const char*>(value), size};
  }
  return "";
}

ArchiveEntry to_values(archive_entry* from) {
  ArchiveEntry entry;
  entry.kind = kind_of(from);
  entry.name = text_or_empty(archive_entry_pathname(from));
  entry.target =
      text_or_empty(entry.kind == ArchiveEntry::Kind::hard_link ? archive_entry_hardlink(from) : archive_entry_symlink(from));
  entry.mode = archive_entry_perm(from);
  entry.size = static_cast<uint64_t>(std::max<int64_t>(archive_entry_size(from), 0));
  entry.uid = archive_entry_uid(from);
  entry.gid = archive_entry_gid(from);
  entry.has_capabilities = !capabilities_of(from).empty();
  return entry;
}

}  // namespace

ArchiveReader::ArchiveReader(const std::string& path) : gunzip_(path), tar_(archive_read_new(), &archive_read_free) {
  archive_read_support_format_tar(tar_.get());
  is_open_ = archive_read_open(tar_.get(), this, nullptr, &ArchiveReader::read_gunzip, nullptr) == ARCHIVE_OK;
}

/// libarchive's read callback.
ssize_t ArchiveReader::read_gunzip(archive*, void* self, const void** block) {
  auto& reader = *static_cast<ArchiveReader*>(self);
  if (reader.has_too_long_header()) return -1;
  const bool is_first = reader.bytes_read() == 0;
  const std::string_view bytes = reader.gunzip_.read();
  if (is_first) reader.head_ = bytes.substr(0, kFormatHead);
  *block = bytes.data();
  return reader.gunzip_.fault() ? -1 : static_cast<ssize_t>(bytes.size());
}

std::optional<ArchiveEntry> ArchiveReader::next(ReleaseOutcome& fault) {
  header_begin_ = bytes_read();
  reads_header_ = true;
  const int result = is_open_ ? archive_read_next_header(tar_.get(), &entry_) : ARCHIVE_FATAL;
  reads_header_ = has_too_long_header();
  // A warning means that a name does not fit the character set of the locale. The bytes of the name are still correct.
  if (result == ARCHIVE_OK || result == ARCHIVE_WARN) return to_values(entry_);
  if (result != ARCHIVE_EOF || !reaches_end()) fault = this->fault();
  return std::nullopt;
}

std::optional<std::string_view> ArchiveReader::read(ReleaseOutcome& fault) {
  const void* block = nullptr;
  size_t size = 0;
  const int result = archive_read_data_block(tar_.get(), &block, &size, &offset_);
  if (result == ARCHIVE_OK) return std::string_view(static_cast<const char*>(block), size);
  if (result != ARCHIVE_EOF) fault = this->fault();
  return std::nullopt;
}

/// Reads the padding after the tar, to detect a file that was truncated there.
bool ArchiveReader::reaches_end() {
  const uint64_t end = bytes_read() + kMaxTail;
  while (bytes_read() < end && !gunzip_.read().empty()) {
  }
  return !gunzip_.fault();
}

bool ArchiveReader::has_too_long_header() const { return reads_header_ && bytes_read() - header_begin_ > kMaxHeader; }

ReleaseOutcome ArchiveReader::fault() const {
  if (has_too_long_header())
    return release_fault(cat("the tar in it has an entry with more than ", kMaxHeader, " bytes of headers"));
  if (gunzip_.fault()) return gunzip_.fault();
  if (archive_errno(tar_.get()) == ENOMEM) return host_fault("cannot read it: out of memory");
  const std::string message = archive_message(tar_.get());
  if (message.starts_with("Unrecognized")) {
    const std::string format = format_of(head_);
    return release_fault(cat("its gzip data is ", format.empty() ? "not a tar" : format + ", not a tar"));
  }
  return release_fault(cat("the tar in it is damaged: ", message));
}

ArchiveWriter::ArchiveWriter() : disk_(archive_write_disk_new(), &archive_write_free) {
  archive_write_disk_set_options(disk_.get(), ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_OWNER |
                                                  ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_SECURE_NODOTDOT);
}

void ArchiveWriter::set_attributes(archive_entry* entry, Attributes attributes) const {
  archive_entry_set_perm(entry, attributes.mode);
  const std::string capabilities = attributes.preserve ? capabilities_of(entry) : "";
  archive_entry_xattr_clear(entry);
  if (!capabilities.empty()) archive_entry_xattr_add_entry(entry, kCapability, capabilities.data(), capabilities.size());
  if (attributes.preserve) {
    const auto uid = static_cast<id_t>(archive_entry_uid(entry));
    const auto gid = static_cast<id_t>(archive_entry_gid(entry));
    archive_entry_set_uid(entry, users_.find(text_or_empty(archive_entry_uname(entry)), uid));
    archive_entry_set_gid(entry, groups_.find(text_or_empty(archive_entry_gname(entry)), gid));
  } else {
    archive_entry_set_uid(entry, ::geteuid());
    archive_entry_set_gid(entry, ::getegid());
  }
}

ReleaseOutcome ArchiveWriter::write(ArchiveReader& from, const std::string& path, Attributes attributes,
                                    const std::string& hard_link, const std::stop_token& cancel) {
  archive_entry* entry = from.entry_;
  archive_entry_copy_pathname(entry, path.c_str());
  set_attributes(entry, attributes);
  if (!hard_link.empty()) archive_entry_copy_hardlink(entry, hard_link.c_str());
  if (archive_write_header(disk_.get(), entry) != ARCHIVE_OK) {
    return host_fault(cat("cannot create ", path, ": ", archive_message(disk_.get())));
  }
  ReleaseOutcome fault;
  const bool has_content = archive_entry_size(entry) > 0;
  while (const auto piece = has_content ? from.read(fault) : std::nullopt) {
    if (cancel.stop_requested()) return host_fault("unpacking was cancelled");
    if (archive_write_data_block(disk_.get(), piece->data(), piece->size(), from.offset_) != ARCHIVE_OK) {
      return host_fault(cat("cannot write ", path, ": ", archive_message(disk_.get())));
    }
  }
  if (fault) return fault;
  if (archive_write_finish_entry(disk_.get()) == ARCHIVE_OK) return std::nullopt;
  return host_fault(cat("cannot write ", path, ": ", archive_message(disk_.get())));
}

ReleaseOutcome ArchiveWriter::finish() {
  if (archive_write_close(disk_.get()) == ARCHIVE_OK) return std::nullopt;
  return host_fault(cat("cannot set the times and modes of folders: ", archive_message(disk_.get())));
}

}  // namespace ops
