#include "updater/release/install.h"

#include <unistd.h>

#include <cerrno>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/protocol/url.h"
#include "updater/release/checksum.h"

namespace ops::updater {

namespace {

constexpr size_t kMaxChecksumFile = 64 << 10;
constexpr size_t kMaxSignatureFile = 4 << 10;
constexpr std::chrono::seconds kSmallFileTimeout{30};

PrepareError passing(const Error& error, const std::string& checksum = "") { return {error, false, checksum}; }

std::optional<PrepareError> get_text(const std::string& url, size_t max_size, std::string& text,
                                     const ClientCredentials& access, const std::stop_token& cancel) {
  auto reply = get_small(url, max_size, kSmallFileTimeout, cancel, access);
  if (!reply) return passing(reply.error());
  if (reply->status != 200) {
    return PrepareError{
        {cat(without_password(url), ": ", status_text(reply->status, url, access))}, false, "", reply->retry_after};
  }
  text = std::move(reply->body);
  return std::nullopt;
}

/// Finds out the digest that the tarball should have.
std::optional<PrepareError> find_expected(const DesiredAgent& agent, std::string& digest, const ClientCredentials& access,
                                          const std::stop_token& cancel) {
  digest = given_checksum(agent);
  if (!digest.empty()) return std::nullopt;
  const std::string url = checksum_url(agent);
  std::string text;
  if (auto failed = get_text(url, kMaxChecksumFile, text, access, cancel)) return failed;
  const auto parsed = parse_md5sum(text, tarball_name(agent));
  if (!parsed) return passing(parsed.error().within(without_password(url)));
  digest = *parsed;
  return std::nullopt;
}

/// Finds the signature that the tarball must have. All errors may pass: a signature is mended without a new tarball.
std::optional<PrepareError> find_signature(const DesiredAgent& agent, const Trust& trust, std::optional<Signature>& signature,
                                           const std::stop_token& cancel) {
  const auto read = parse_tarball_name(tarball_name(agent));
  if (!read || *read != ReleaseName{agent.name, agent.version}) {
    return passing({cat("a signature names the file only, and ", tarball_name(agent), " would be taken for ",
                        read ? cat(read->name, " at version ", read->version) : "nothing",
                        ": a version should begin with a digit, and no digit follow a \"-\" in an agent's name")});
  }
  const std::string url = signature_url(agent);
  std::string text;
  if (auto failed = get_text(url, kMaxSignatureFile, text, trust.access, cancel)) {
    failed->error = Error{cat("only signed releases are taken here, and the signature can't be had: ", failed->error.message)};
    return failed;
  }
  auto parsed = parse_signature(text, tarball_name(agent), trust.keys);
  if (!parsed) return passing({cat(without_password(url), " ", parsed.error().message)});
  signature = std::move(*parsed);
  return std::nullopt;
}

void remove_download(const std::string& path) {
  ::unlink(path.c_str());
  ::unlink((path + ".from").c_str());
}

}  // namespace

std::optional<PrepareError> prepare(const Layout& layout, const DesiredAgent& agent, const InstallLimits& limits,
                                    const Trust& trust, const PrepareProgress& progress, const std::stop_token& cancel) {
  progress(Phase::downloading, 0, 0);
  if (auto made = make_directories(layout.agent(agent.name)); !made) return passing(made.error());
  std::string expected;
  if (auto failed = find_expected(agent, expected, trust.access, cancel)) return failed;
  std::optional<Signature> signature;
  if (!trust.keys.empty()) {
    if (auto failed = find_signature(agent, trust, signature, cancel)) return failed;
  }

  const std::string tarball = layout.download(agent.name, agent.version);
  const auto report = [&](uint64_t done, uint64_t total) { progress(Phase::downloading, done, total); };
  if (const auto failed = download(tarball_url(agent), tarball, limits.download, report, cancel, trust.access)) {
    return PrepareError{failed->error, false, expected, failed->retry_after};
  }

  progress(Phase::verifying, 0, 0);
  const auto found = md5_of_file(tarball, cancel);
  if (!found) return passing(found.error(), expected);
  if (*found != expected) {
    remove_download(tarball);
    return passing({cat("checksum of ", without_password(tarball_url(agent)), " is ", *found, ", expected ", expected)},
                   expected);
  }

  if (signature) {
    const auto digest = blake2b_of_file(tarball, cancel);
    if (!digest) return passing(digest.error(), expected);
    if (!signature->covers(*digest)) {
      remove_download(tarball);
      return passing(
          {cat(without_password(tarball_url(agent)), " is not what key ", key_id_text(signature->key.id), " signed")},
          expected);
    }
  }

  progress(Phase::unpacking, 0, 0);
  const std::string staged = layout.staged(agent.name, agent.version);
  if (auto removed = remove_release(staged); !removed) return passing(removed.error(), expected);
  if (const auto failed = unpack(tarball, staged, limits.unpack, cancel)) {
    if (auto removed = remove_release(staged); !removed) log::warning(removed.error().message);
    const bool lasting = failed->fault == ReleaseFault::release;
    if (lasting) remove_download(tarball);
    return PrepareError{failed->error.within(tarball_name(agent)), lasting, expected};
  }
  if (auto marked = replace_file(staged + Layout::kInstalledFile, expected + "\n", 0644); !marked) {
    return passing(marked.error(), expected);
  }
  if (auto synced = sync_directory(layout.agent(agent.name)); !synced) return passing(synced.error(), expected);
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
