#include "meta/config/release_check.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iostream>

#include "common/base/file.h"
#include "common/protocol/release.h"
#include "common/protocol/url.h"
#include "meta/config/assignments.h"

namespace ops::meta {

namespace {

/// The assignment of a host to which `last` applies: the default, with all overrides that apply to every such host, and `last`.
DesiredAgent with_override(const AgentConfig& agent, const Override& last) {
  DesiredAgent desired = agent.defaults;
  for (const Override& entry : agent.others) {
    const bool does_apply = &entry == &last || (entry.percent >= 100 && last.prefix.starts_with(entry.prefix));
    if (does_apply) apply(entry, desired);
  }
  return desired;
}

/// A config file of curl that names the URL.
std::string curl_config(const std::string& url) {
  std::string text = "url = \"";
  for (const char c : url) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + "\"\n";
}

/// Starts curl with `config` as its standard input. A command line would not do: every user of the machine can read it, and a
/// URL can have a password in it.
Result<pid_t> start_curl(bool is_quiet, const std::string& config) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return system_error("create", "a pipe for curl");
  const Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  if (::write(write_end.get(), config.data(), config.size()) != static_cast<ssize_t>(config.size()))
    return Error{cat("cannot check a URL of ", config.size(), " bytes: a pipe holds less")};
  write_end.reset();
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, read_end.get(), STDIN_FILENO);
  const char* const words[] = {
      "curl", is_quiet ? "-s" : "-sS", "-fgIL", "--netrc-optional", "-m", "60", "-o", "/dev/null", "-K", "-", nullptr};
  pid_t child = -1;
  const int failed = ::posix_spawnp(&child, "curl", &actions, nullptr, const_cast<char* const*>(words), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return system_error("run", "curl, which checks the releases", failed);
  return child;
}

/// Whether the server has a file at the URL: curl exits with 0.
bool is_there(const std::string& url, bool is_quiet) {
  const auto child = start_curl(is_quiet, curl_config(url));
  if (!child) {
    std::cerr << child.error().message << "\n";
    return false;
  }
  int status = -1;
  while (::waitpid(*child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool check(const std::string& kind, const std::string& url) {
  const bool there = is_there(url, false);
  std::cout << (there ? "there     " : "MISSING   ") << kind << " " << without_secrets(url) << std::endl;
  return there;
}

}  // namespace

std::vector<DesiredAgent> releases_of(const Config& config) {
  std::vector<DesiredAgent> releases;
  const auto add = [&releases](const DesiredAgent& release) {
    if (release.cmd != "start" || release.tarball.empty()) return;
    if (std::find(releases.begin(), releases.end(), release) == releases.end()) releases.push_back(release);
  };
  for (const AgentConfig& agent : config.agents) {
    add(agent.defaults);
    for (const Override& entry : agent.others) add(with_override(agent, entry));
  }
  return releases;
}

namespace {

/// The release at each of its base URLs. A URL of .md5 files is the same for all of them, and checked once.
bool check_sources(const DesiredAgent& agent) {
  bool is_good = true;
  bool is_first = true;
  for (const DesiredAgent& release : sources_of(agent)) {
    const bool has_tarball = check("tarball  ", tarball_url(release));
    is_good = has_tarball && is_good;
    const bool has_own_checksum = release.md5.empty() || (is_first && given_checksum(release).empty());
    if (has_own_checksum) is_good = check("checksum ", checksum_url(release)) && is_good;
    is_first = false;
    if (!has_tarball) continue;  // a server that refuses every request would look like one without signatures
    const std::string signature = signature_url(release);
    std::cout << (is_there(signature, true) ? "there     signature " : "unsigned  signature ") << without_secrets(signature)
              << std::endl;
  }
  return is_good;
}

}  // namespace

bool check_releases(const Config& config) {
  bool is_good = true;
  for (const DesiredAgent& release : releases_of(config)) is_good = check_sources(release) && is_good;
  return is_good;
}

}  // namespace ops::meta
