#include "updater/release/install.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/http/error_text.h"
#include "common/protocol/url.h"
#include "updater/release/checksum.h"

namespace ops::updater {

namespace {

constexpr size_t kMaxChecksumFile = 64 << 10;
constexpr size_t kMaxSignatureFile = 4 << 10;
constexpr std::chrono::seconds kSmallFileTimeout{30};
constexpr uint64_t kLargePart = 4 << 20;  // bytes

/// An error that may not occur again: the fetch is tried again after a pause.
FetchError temporary(const Error& error, const std::string& checksum = "") { return {error, false, checksum}; }

FetchError mismatch(const Error& error, const std::string& checksum) { return {error, false, checksum, std::nullopt, true}; }

std::optional<FetchError> get_text(const std::string& url, size_t max_size, std::string& text, const ClientCredentials& access,
                                   const std::stop_token& cancel) {
  auto reply = get_small(url, max_size, kSmallFileTimeout, cancel, access);
  if (!reply) return temporary(reply.error());
  if (reply->status != 200) {
    const std::string reason = text_of_page(mask_secrets(reply->body, url));
    return FetchError{{cat(without_secrets(url), ": ", reply->status_text, reason.empty() ? "" : cat(": ", reason))},
                      false,
                      "",
                      reply->retry_after};
  }
  text = std::move(reply->body);
  return std::nullopt;
}

/// Gets the MD5 digest that the tarball must have: from the assignment, or from the .md5 file.
std::optional<FetchError> find_expected(const DesiredAgent& agent, std::string& digest, const ClientCredentials& access,
                                        const std::stop_token& cancel) {
  digest = given_checksum(agent);
  if (!digest.empty()) return std::nullopt;
  const std::string url = checksum_url(agent);
  std::string text;
  if (auto failed = get_text(url, kMaxChecksumFile, text, access, cancel)) return failed;
  const auto parsed = parse_md5sum(text, tarball_name(agent));
  if (!parsed) return temporary(parsed.error().within(without_secrets(url)));
  digest = *parsed;
  return std::nullopt;
}

/// Gets the tarball's signature. No error is lasting: a signature can be replaced without a new tarball.
std::optional<FetchError> find_signature(const DesiredAgent& agent, const Trust& trust, std::optional<Signature>& signature,
                                         const std::stop_token& cancel) {
  const auto read = parse_tarball_name(tarball_name(agent));
  if (!read || *read != ReleaseName{agent.name, agent.version}) {
    return temporary({cat("a signature covers the file's name, and ", tarball_name(agent), " reads as ",
                          read ? cat(read->name, " at version ", read->version) : "no release",
                          ": a version must begin with a digit, and an agent's name must not have a digit after a \"-\"")});
  }
  const std::string url = signature_url(agent);
  std::string text;
  if (auto failed = get_text(url, kMaxSignatureFile, text, trust.access, cancel)) {
    failed->error =
        Error{cat("this host takes only signed releases, and the signature cannot be fetched: ", failed->error.message)};
    return failed;
  }
  auto parsed = parse_signature(text, tarball_name(agent), trust.keys);
  if (!parsed) return temporary({cat(without_secrets(url), " ", parsed.error().message)});
  signature = std::move(*parsed);
  return std::nullopt;
}

void remove_download(const std::string& path) {
  ::unlink(path.c_str());
  ::unlink((path + ".from").c_str());
}

/// Downloads the tarball from `agent.tarball` alone, and verifies it. Sets `expected`, its checksum.
std::optional<FetchError> fetch_verified(const std::string& tarball, const DesiredAgent& agent, const InstallLimits& limits,
                                         const Trust& trust, const FetchProgress& progress, std::string& expected,
                                         const std::stop_token& cancel) {
  progress(Phase::downloading, 0, 0);
  if (auto failed = find_expected(agent, expected, trust.access, cancel)) return failed;
  std::optional<Signature> signature;
  if (!trust.keys.empty()) {
    if (auto failed = find_signature(agent, trust, signature, cancel)) return failed;
  }

  const auto report = [&](uint64_t done, uint64_t total) { progress(Phase::downloading, done, total); };
  if (const auto failed = download(tarball_url(agent), tarball, limits.download, report, cancel, trust.access)) {
    return FetchError{failed->error, false, expected, failed->retry_after};
  }

  progress(Phase::verifying, 0, 0);
  const auto found = md5_of_file(tarball, cancel);
  if (!found) return temporary(found.error(), expected);
  if (*found != expected) {
    remove_download(tarball);
    return mismatch({cat("checksum of ", without_secrets(tarball_url(agent)), " is ", *found, ", expected ", expected)},
                    expected);
  }
  if (!signature) return std::nullopt;
  const auto digest = blake2b_of_file(tarball, cancel);
  if (!digest) return temporary(digest.error(), expected);
  if (signature->covers(*digest)) return std::nullopt;
  remove_download(tarball);
  return mismatch(
      {cat(without_secrets(tarball_url(agent)), " is not the file that key ", key_id_text(signature->key.id), " signed")},
      expected);
}

uint64_t size_of(const std::string& path) {
  struct stat info = {};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
}

/// The base URLs of the agent in the order to try them: the one whose part of the tarball is on the disk comes first.
std::vector<DesiredAgent> sources_in_order(const DesiredAgent& agent, const std::string& tarball) {
  std::vector<DesiredAgent> sources = sources_of(agent);
  const auto has_part = [&](const DesiredAgent& source) { return is_part_of(tarball, tarball_url(source)); };
  const auto owner = std::find_if(sources.begin(), sources.end(), has_part);
  if (owner != sources.end()) std::rotate(sources.begin(), owner, owner + 1);
  return sources;
}

/// Adds the error of another mirror: its words, and the longer pause.
void add_failure(FetchError& all, const FetchError& next) {
  if (all.error.message.find(next.error.message) == std::string::npos)
    all.error.message += cat("; ", next.error.message);  // an error of this host is the same at each mirror
  all.retry_after = std::max(all.retry_after, next.retry_after);
  all.is_mismatch = all.is_mismatch || next.is_mismatch;
  all.checksum = next.checksum;
}

/// Tries the base URLs in turn. It stops at one that has sent a large part, which the next attempt resumes: another mirror
/// would start from zero.
std::optional<FetchError> fetch_from_any(const std::string& tarball, const DesiredAgent& agent, const InstallLimits& limits,
                                         const Trust& trust, const FetchProgress& progress, std::string& expected,
                                         const std::stop_token& cancel) {
  std::optional<FetchError> failures;
  for (const DesiredAgent& source : sources_in_order(agent, tarball)) {
    const uint64_t size = size_of(tarball);
    auto failed = fetch_verified(tarball, source, limits, trust, progress, expected, cancel);
    if (!failed) {
      if (failures)
        log::warning(agent.name, " ", agent.version, ": ", without_secrets(source.tarball), " serves it; ",
                     failures->error.message);
      return std::nullopt;
    }
    for (const std::string& url : {tarball_url(source), checksum_url(source), signature_url(source)})
      failed->error.message = mask_secrets(std::move(failed->error.message), url);
    if (failures) {
      add_failure(*failures, *failed);
    } else {
      failures = std::move(failed);
    }
    const bool will_resume = size_of(tarball) >= size + kLargePart && is_part_of(tarball, tarball_url(source));
    if (will_resume || cancel.stop_requested()) break;
  }
  return failures;
}

}  // namespace

std::optional<FetchError> fetch_release(const Layout& layout, const DesiredAgent& agent, const InstallLimits& limits,
                                        const Trust& trust, const FetchProgress& progress, const std::stop_token& cancel) {
  if (agent.preserve && trust.keys.empty()) {
    return temporary({cat("the entry of ", agent.name,
                          " in ops-meta has \"preserve\": true, and this host checks no signatures: "
                          "files with set-uid bits or capabilities are taken from signed releases only; set publicKeys in "
                          "ops-updater's cfg.json")});
  }
  if (auto made = make_directories(layout.agent(agent.name)); !made) return temporary(made.error());
  const std::string tarball = layout.download(agent.name, agent.version);
  std::string expected;
  if (auto failed = fetch_from_any(tarball, agent, limits, trust, progress, expected, cancel)) return failed;

  progress(Phase::unpacking, 0, 0);
  const std::string staged = layout.staged(agent.name, agent.version);
  UnpackOptions options = limits.unpack;
  options.preserve = agent.preserve;
  if (auto removed = remove_release(staged); !removed) return temporary(removed.error(), expected);
  if (const auto failed = unpack(tarball, staged, options, cancel)) {
    if (auto removed = remove_release(staged); !removed) log::warning(removed.error().message);
    const bool lasting = failed->fault == ReleaseFault::release;
    if (lasting) remove_download(tarball);
    return FetchError{failed->error.within(tarball_name(agent)), lasting, expected};
  }
  if (auto marked = replace_file(staged + Layout::kInstalledFile, expected + "\n", 0644); !marked) {
    return temporary(marked.error(), expected);
  }
  if (auto synced = sync_directory(layout.agent(agent.name)); !synced) return temporary(synced.error(), expected);
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
