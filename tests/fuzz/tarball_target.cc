// Fuzzes the unpacking of a release.

#include <filesystem>

#include "tests/fuzz/targets.h"
#include "updater/release/unpack.h"

namespace ops::fuzz {

namespace fs = std::filesystem;

namespace {

constexpr size_t kBlock = 512;
constexpr size_t kChecksumAt = 148;
constexpr size_t kMagicAt = 257;

/// Corrects the checksum of each tar header. Without this, the checksums reject almost every mutation.
std::string with_checksums(std::string_view bytes) {
  std::string tar(bytes);
  for (size_t at = 0; at + kBlock <= tar.size(); at += kBlock) {
    if (tar.compare(at + kMagicAt, 5, "ustar") != 0) continue;
    tar.replace(at + kChecksumAt, 8, 8, ' ');
    unsigned sum = 0;
    for (size_t i = 0; i < kBlock; ++i) sum += static_cast<unsigned char>(tar[at + i]);
    for (size_t i = 0; i < 6; ++i) tar[at + kChecksumAt + 5 - i] = static_cast<char>('0' + ((sum >> (3 * i)) & 7));
    tar[at + kChecksumAt + 6] = '\0';
  }
  return tar;
}

/// Checks that an unpacked release has only files, folders and links, and no link out of its folder.
void check_links(const std::string& folder) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    promise(!entry.is_socket() && !entry.is_fifo() && !entry.is_character_file() && !entry.is_block_file(),
            "a release has only files, folders and links");
    if (!entry.is_symlink()) continue;
    std::error_code loop;  // set when links point at each other
    const std::string target = fs::weakly_canonical(entry.path(), loop).string();
    promise(loop || target.starts_with(folder), "no link leads out of the release");
  }
}

void unpack_one(std::string_view bytes) {
  const std::string place = scratch() + "/place";
  const std::string folder = place + "/release";
  fs::remove_all(place);
  fs::create_directory(place);
  const std::string file = scratch_file("place/release.tar.gz", bytes);
  updater::UnpackOptions limits;
  limits.max_size = 1 << 20;
  limits.max_entries = 200;
  limits.reserve = 0;
  const auto failure = updater::unpack(file, folder, limits, {});
  if (!failure) {
    promise(fs::is_regular_file(folder + "/control"), "a release has a control");
    check_links(folder);
  }
  size_t entries = 0;
  for (const auto& entry : fs::directory_iterator(place)) {
    promise(entry.path() == file || entry.path() == folder, "nothing is written beside the release");
    ++entries;
  }
  promise(entries <= 2, "nothing is written beside the release");
}

}  // namespace

void tarball(std::string_view bytes) {
  unpack_one(bytes);
  if (const std::string mended = with_checksums(bytes); mended != bytes) unpack_one(mended);
}

}  // namespace ops::fuzz
