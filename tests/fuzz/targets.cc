#include "tests/fuzz/targets.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

namespace ops::fuzz {

namespace fs = std::filesystem;

const std::vector<Target>& targets() {
  static const std::vector<Target> all = {
      {"heartbeat_request", heartbeat_request},
      {"heartbeat_reply", heartbeat_reply},
      {"meta_config", meta_config},
      {"updater_config", updater_config},
      {"md5", md5},
      {"minisig", minisig},
      {"state", state},
      {"tarball", tarball},
      {"http", http},
  };
  return all;
}

void promise(bool kept, const char* property) {
  if (kept) return;
  std::cerr << "broken property: " << property << std::endl;
  std::abort();
}

namespace {

/// A temporary folder, which the destructor removes.
struct Folder {
  Folder() {
    path = fs::is_directory("/dev/shm") ? "/dev/shm/ops-fuzz-XXXXXX" : fs::temp_directory_path() / "ops-fuzz-XXXXXX";
    promise(::mkdtemp(path.data()) != nullptr, "a temporary folder can be created");
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }

  std::string path;
};

}  // namespace

const std::string& scratch() {
  static const Folder folder;
  return folder.path;
}

std::string scratch_file(const char* name, std::string_view bytes) {
  const std::string path = scratch() + "/" + name;
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  return path;
}

}  // namespace ops::fuzz
