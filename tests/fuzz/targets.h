#pragma once

// What is fuzzed: every parser of what another machine, a person or a crash wrote. A target takes any bytes, and aborts when
// what comes out breaks a promise. `./control test fuzz` feeds them by libFuzzer; the corpora are fed in every run of the
// tests.

#include <string>
#include <string_view>
#include <vector>

namespace ops::fuzz {

struct Target {
  const char* name;  // also its corpus' folder
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

/// Aborts, saying what was promised, unless it is kept.
void promise(bool kept, const char* what);

/// An empty folder of this process' own, in memory where there is /dev/shm.
const std::string& scratch();

/// Makes the file in scratch() hold these bytes, and returns its path.
std::string scratch_file(const char* name, std::string_view bytes);

}  // namespace ops::fuzz
