#include "updater/host_id.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "common/base/file.h"
#include "common/base/log.h"

namespace ops::updater {

namespace {

constexpr size_t kIdDigits = 32;
constexpr size_t kMaxSize = 1024;  // bytes of a file

std::string trimmed(const char* path) {
  const auto text = read_file(path, kMaxSize);
  return text ? one_line(trim(*text), 64) : std::string();
}

using RandomBytes = std::array<unsigned char, kIdDigits / 2>;

/// False if the kernel has no random bytes. Linux before 3.17 has no getrandom(2).
bool fill_random(RandomBytes& bytes) {
  const auto size = static_cast<ssize_t>(bytes.size());
  if (::getrandom(bytes.data(), bytes.size(), GRND_NONBLOCK) == size) return true;
  if (errno != ENOSYS) return false;
  const Fd device(::open("/dev/urandom", O_RDONLY | O_CLOEXEC));
  return device && ::read(device.get(), bytes.data(), bytes.size()) == size;
}

/// "" if the kernel has no random bytes.
std::string random_id() {
  RandomBytes bytes{};
  if (!fill_random(bytes)) return {};
  std::string id;
  for (const unsigned char byte : bytes) {
    std::array<char, 3> digits{};
    std::snprintf(digits.data(), digits.size(), "%02x", byte);
    id += digits.data();
  }
  return id;
}

}  // namespace

std::string machine_identity() {
  return std::string(trim(trimmed("/etc/machine-id") + " " + trimmed("/sys/class/dmi/id/product_uuid")));
}

std::string host_id(const std::string& path, const std::string& identity) {
  const auto text = read_file(path, kMaxSize);
  if (text) {
    const std::string id = text->substr(0, kIdDigits);
    if (is_hex(id, kIdDigits) && trim(std::string_view(*text).substr(kIdDigits)) == identity) return id;
  }
  const std::string id = random_id();
  if (id.empty()) return {};
  if (const auto written = replace_file(path, id + " " + identity + "\n", 0600); !written) {
    log::warning(written.error().message, "; ops-meta will not see if another machine has the same hostname");
    return {};
  }
  return id;
}

}  // namespace ops::updater
