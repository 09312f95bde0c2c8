#include "tests/support/tarball.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <memory>

#include "tests/support/temp_dir.h"

namespace ops::tests {

namespace {

void set_kind(archive_entry* entry, const Entry& from) {
  switch (from.kind) {
    case Entry::Kind::file:
      archive_entry_set_filetype(entry, AE_IFREG);
      archive_entry_set_size(entry, static_cast<la_int64_t>(from.content.size()));
      break;
    case Entry::Kind::folder: archive_entry_set_filetype(entry, AE_IFDIR); break;
    case Entry::Kind::symlink:
      archive_entry_set_filetype(entry, AE_IFLNK);
      archive_entry_set_symlink(entry, from.content.c_str());
      break;
    case Entry::Kind::hardlink:
      archive_entry_set_filetype(entry, AE_IFREG);
      archive_entry_set_hardlink(entry, from.content.c_str());
      break;
    case Entry::Kind::device:
      archive_entry_set_filetype(entry, AE_IFCHR);
      archive_entry_set_rdevmajor(entry, 1);
      archive_entry_set_rdevminor(entry, 3);
      break;
    case Entry::Kind::fifo: archive_entry_set_filetype(entry, AE_IFIFO); break;
  }
}

}  // namespace

std::string make_tarball(const std::vector<Entry>& entries) {
  const TempDir scratch;
  const std::string path = scratch / "tarball";
  archive* out = archive_write_new();
  archive_write_set_format_gnutar(out);
  archive_write_add_filter_gzip(out);
  archive_write_set_filter_option(out, "gzip", "timestamp", nullptr);  // the same entries give the same bytes
  EXPECT_EQ(archive_write_open_filename(out, path.c_str()), ARCHIVE_OK);
  for (const Entry& from : entries) {
    const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(), &archive_entry_free);
    archive_entry_set_pathname(entry.get(), from.name.c_str());
    archive_entry_set_perm(entry.get(), from.mode);
    set_kind(entry.get(), from);
    EXPECT_EQ(archive_write_header(out, entry.get()), ARCHIVE_OK) << archive_error_string(out);
    if (from.kind == Entry::Kind::file) archive_write_data(out, from.content.data(), from.content.size());
  }
  archive_write_close(out);
  archive_write_free(out);
  return read_file(path);
}

std::string make_agent_tarball(const std::string& control, const std::map<std::string, std::string>& files) {
  std::vector<Entry> entries = {{"control", control, 0755, Entry::Kind::file}};
  for (const auto& [name, content] : files) entries.push_back({name, content, 0755, Entry::Kind::file});
  return make_tarball(entries);
}

std::string demo_agent_tarball(const std::string& mark) {
  return make_agent_tarball(demo_agent_file("control"), {{"agent", demo_agent_file("agent")}, {"mark", mark}});
}

std::string demo_agent_file(const std::string& name) {
  return read_file(std::string(OPS_SOURCE_DIR) + "/tests/support/demo-agent/" + name);
}

std::string agent_tarball_that_never_starts() {
  return make_agent_tarball("#!/bin/sh\n[ $1 = status ] && echo stoped && exit 0\n[ $1 = stop ]\n");
}

std::string md5_hex(const std::string& bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_md5(), nullptr);
  std::string hex;
  char text[3];
  for (unsigned int i = 0; i < size; ++i) {
    std::snprintf(text, sizeof text, "%02x", digest[i]);
    hex += text;
  }
  return hex;
}

}  // namespace ops::tests
