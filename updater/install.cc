#include "updater/install.h"

#include <unistd.h>

#include <cerrno>

#include "common/file.h"
#include "common/log.h"
#include "updater/checksum.h"

namespace ops::updater {

namespace {

constexpr size_t kMaxChecksumFile = 64 << 10;
constexpr std::chrono::seconds kChecksumTimeout{30};

Result<std::string> expected_checksum(const DesiredAgent& agent, const std::stop_token& cancel) {
  if (std::string given = given_checksum(agent); !given.empty()) return given;
  const std::string url = checksum_url(agent);
  const auto text = get_small(url, kMaxChecksumFile, kChecksumTimeout, cancel);
  if (!text) return text.error();
  const auto digest = parse_md5sum(*text, tarball_name(agent));
  if (!digest) return digest.error().within(url);
  return digest;
}

PrepareError passing(const Error& error, const std::string& checksum = "") { return {error, false, checksum}; }

void remove_download(const std::string& path) {
  ::unlink(path.c_str());
  ::unlink((path + ".from").c_str());
}

}  // namespace

std::optional<PrepareError> prepare(const Layout& layout, const DesiredAgent& agent, const InstallLimits& limits,
                                    const PrepareProgress& progress, const std::stop_token& cancel) {
  progress(Phase::downloading, 0, 0);
  if (auto made = make_directories(layout.agent(agent.name)); !made) return passing(made.error());
  const auto expected = expected_checksum(agent, cancel);
  if (!expected) return passing(expected.error());

  const std::string tarball = layout.download(agent.name, agent.version);
  const auto report = [&](uint64_t done, uint64_t total) { progress(Phase::downloading, done, total); };
  const auto fetched = download(tarball_url(agent), tarball, limits.download, report, cancel);
  if (!fetched) return passing(fetched.error(), *expected);

  progress(Phase::verifying, 0, 0);
  const auto found = md5_of_file(tarball, cancel);
  if (!found) return passing(found.error(), *expected);
  if (*found != *expected) {
    remove_download(tarball);
    return passing({cat("checksum of ", tarball_url(agent), " is ", *found, ", expected ", *expected)}, *expected);
  }

  progress(Phase::unpacking, 0, 0);
  const std::string staged = layout.staged(agent.name, agent.version);
  if (auto removed = remove_release(staged); !removed) return passing(removed.error(), *expected);
  if (const auto failed = unpack(tarball, staged, limits.unpack, cancel)) {
    if (auto removed = remove_release(staged); !removed) log::warning(removed.error().message);
    const bool lasting = failed->fault == UnpackFault::release;
    if (lasting) remove_download(tarball);
    return PrepareError{failed->error.within(tarball_name(agent)), lasting, *expected};
  }
  if (auto marked = replace_file(staged + Layout::kInstalledFile, *expected + "\n", 0644); !marked) {
    return passing(marked.error(), *expected);
  }
  if (auto synced = sync_directory(layout.agent(agent.name)); !synced) return passing(synced.error(), *expected);
  remove_download(tarball);
  return std::nullopt;
}

Result<void> remove_release(const std::string& folder) {
  const std::string mark = folder + Layout::kInstalledFile;
  if (::unlink(mark.c_str()) == 0) {
    if (auto synced = sync_directory(folder); !synced) return synced;
  } else if (errno != ENOENT && errno != ENOTDIR) {
    return system_error("remove", mark);
  }
  return remove_tree(folder);
}

}  // namespace ops::updater
