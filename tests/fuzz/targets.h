#pragma once

// The fuzz targets: one for every parser of input from another machine, a person or an interrupted write. A target accepts any
// bytes and aborts when the result breaks a property. `./control test fuzz` runs the targets with libFuzzer. Every test run
// passes the corpora to them.

#include <string>
#include <string_view>
#include <vector>

namespace ops::fuzz {

struct Target {
  const char* name;  // also the name of the folder of its corpus
  void (*run)(std::string_view bytes);
};

const std::vector<Target>& targets();

// One function each.
void heartbeat_request(std::string_view bytes);
void heartbeat_reply(std::string_view bytes);
void meta_config(std::string_view bytes);
void updater_config(std::string_view bytes);
void md5(std::string_view bytes);
void minisig(std::string_view bytes);
void state(std::string_view bytes);
void tarball(std::string_view bytes);
void http(std::string_view bytes);

/// Prints `property` and aborts when it is broken.
void promise(bool kept, const char* property);

/// The temporary folder of this process, in /dev/shm if it exists.
const std::string& scratch();

/// Writes a file in scratch() and returns its path.
std::string scratch_file(const char* name, std::string_view bytes);

}  // namespace ops::fuzz
