#include "meta/config/publish_location.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <vector>

#include "common/base/json_writer.h"
#include "common/base/text.h"
#include "common/http/server.h"
#include "common/protocol/release.h"
#include "common/protocol/url.h"
#include "meta/config/machine_name.h"

namespace ops::meta {

namespace {

/// "http://[::1]:2000/a/b?c" in parts.
struct Url {
  std::string base;  // http://[::1]:2000
  std::string host;  // ::1
  int port = 0;
  std::string path;       // /a/b
  bool is_plain = false;  // without a "?" or "#"
};

/// Without a scheme it is http, as in the original.
Url parse_url(const std::string& text) {
  Url url;
  const size_t scheme = text.find("://");
  const size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
  const size_t slash = std::min(text.find_first_of("/?#", begin), text.size());
  const size_t end = std::min(text.find_first_of("?#", slash), text.size());
  url.base = text.substr(0, slash);
  url.path = text.substr(slash, end - slash);
  url.is_plain = end == text.size();

  const std::string authority = text.substr(begin, slash - begin);
  url.host = authority.substr(authority.rfind('@') + 1);
  url.port = to_lower(text.substr(0, begin)) == "https://" ? 443 : 80;
  const size_t colon = url.host.rfind(':');
  if (colon != std::string::npos && url.host.find(']', colon) == std::string::npos) {
    const auto port = parse_number(std::string_view(url.host).substr(colon + 1));
    if (port && *port <= 65535) url.port = static_cast<int>(*port);
    url.host.resize(colon);
  }
  if (url.host.starts_with('[') && url.host.ends_with(']')) url.host = url.host.substr(1, url.host.size() - 2);
  return url;
}

/// The host may be asked of a DNS server, so the port is compared first.
bool leads_here(const Url& url, const Config& config) {
  const auto listen = parse_listen_address(config.http_listen);
  return listen && url.port == listen->port && url.is_plain && (url.host == listen->host || is_this_machine(url.host));
}

std::string quoted(const std::string& text) {
  std::string json;
  append_json_string(json, text);
  return json;
}

const DesiredAgent* find_defaults(const Config& config, const std::string& agent) {
  const AgentConfig* entry = find_agent(config, agent);
  return entry == nullptr ? nullptr : &entry->defaults;
}

/// http://10.0.0.1:2000, by which hosts reach this ops-meta: as cfg.json has it for another agent, or as this machine knows it.
std::string own_base(const Config& config) {
  for (const AgentConfig& entry : config.agents) {
    if (const Url url = parse_url(entry.defaults.tarball); leads_here(url, config)) return url.base;
  }
  const auto listen = parse_listen_address(config.http_listen);
  const bool is_tls = !config.tls.cert.empty();
  std::string host = listen ? listen->host : "";
  if (host.empty() || host == "0.0.0.0" || host == "::")
    host = is_tls ? machine_name() : machine_address();  // certificates have names
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return cat(is_tls ? "https://" : "http://", host, ":", listen ? listen->port : 2000);
}

std::string tarball_base(const Config& config, const std::string& agent) {
  const DesiredAgent* defaults = find_defaults(config, agent);
  return defaults != nullptr && !defaults->tarball.empty() ? defaults->tarball : cat(own_base(config), "/", agent);
}

/// Where the .md5 file is looked for; "" when that is `tarball`.
std::string checksum_base(const Config& config, const std::string& agent) {
  const DesiredAgent* defaults = find_defaults(config, agent);
  return defaults != nullptr && given_checksum(*defaults).empty() ? defaults->md5 : "";
}

/// Below these, ops-meta's own pages answer instead of tarballDir.
bool is_page(const std::filesystem::path& path) { return *path.begin() == "explain" || *path.begin() == "status"; }

/// tarballDir and the URL's path.
Result<std::string> folder_of(const Config& config, const std::string& url, const std::string& arch) {
  if (url.find("{arch}") != std::string::npos && arch.empty()) {
    return Error{
        cat("cannot tell the folder: the URL ", url, " holds {arch}; add -a amd64 or -a arm64, the hosts that run it")};
  }
  std::filesystem::path below;
  std::istringstream parts(parse_url(with_platform(url, arch)).path);
  for (std::string part; std::getline(parts, part, '/');) {
    const std::string name = percent_decode(part);
    if (name.empty()) continue;
    if (name == "." || name == ".." || name.find_first_of(std::string("/\n\0", 3)) != std::string::npos) {
      return Error{cat("cannot tell the folder: the path of the URL ", url, " holds \"", part, "\"")};
    }
    below /= name;
  }
  if (!below.empty() && is_page(below) && leads_here(parse_url(url), config)) {
    return Error{
        cat("ops-meta serves no files at ", url, ", where its own pages are; give the agent another `tarball` in cfg.json")};
  }
  const std::filesystem::path root = std::filesystem::absolute(config.tarball_dir);
  std::string folder = (root / below).lexically_normal().string();
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  return folder;
}

/// Of the base URL `url`: what to copy there, unless hosts that ask there reach this ops-meta.
std::string copy_hint(const Config& config, const std::string& url, const std::vector<std::string>& files) {
  if (leads_here(parse_url(url), config)) return "";
  std::string text = cat("Copy ", files.size() == 1 ? "this file" : "these files", " to ", url,
                         ", from where hosts fetch them (needless if that URL leads to this ops-meta):\n");
  for (const std::string& file : files) text += cat("    ", file, "\n");
  return text;
}

/// Hosts of an override with a URL of its own do not look where the release now is.
std::string override_hints(const Config& config, const std::string& agent, const std::string& url) {
  std::string text;
  for (const AgentConfig& entry : config.agents) {
    if (entry.defaults.name != agent) continue;
    for (size_t i = 0; i < entry.others.size(); ++i) {
      const std::string& other = entry.others[i].tarball;
      if (other.empty() || other == url) continue;
      text +=
          cat("Hosts of others[", i, "] fetch from ", other, ": copy the files there, too, before they get this version.\n");
    }
  }
  return text;
}

std::string config_hint(const Config& config, const PublishedRelease& release, const std::string& url) {
  const std::string version = quoted(release.version);
  const DesiredAgent* known = find_defaults(config, release.agent);
  if (known == nullptr) {
    return cat("cfg.json names no agent ", release.agent,
               ", so no host gets it. For all hosts, add to \"agents\" in cfg.json, and ",
               "then ./control reload:\n    {\"default\": {\"name\": ", quoted(release.agent), ", \"version\": ", version,
               ", \"tarball\": ", quoted(url), ", \"md5\": \"\", \"cmd\": \"start\"}}\n");
  }
  return cat("For cfg.json, and then ./control reload:\n    \"version\": ", version, ", \"tarball\": ", quoted(url),
             given_checksum(*known).empty() ? "" : cat(", \"md5\": ", quoted(release.md5)), "\n");
}

/// A host takes a loopback address for itself.
std::string loopback_hint(const Config& config, const std::string& url) {
  const Url parts = parse_url(url);
  const auto listen = parse_listen_address(config.http_listen);
  if (!is_loopback(parts.host) || !listen || is_loopback(listen->host)) return "";
  return cat("Only this machine fetches from ", parts.host, ". For other hosts, put an address that they reach, like ",
             machine_address(), ", in its place in cfg.json.\n");
}

}  // namespace

Result<PublishLocation> place_of(const Config& config, const std::string& agent, const std::string& arch) {
  const std::string url = tarball_base(config, agent);
  const std::string checksum_url = checksum_base(config, agent);
  const auto folder = folder_of(config, url, arch);
  if (!folder) return folder.error();
  const auto checksum_folder = checksum_url.empty() ? folder : folder_of(config, checksum_url, arch);
  if (!checksum_folder) return checksum_folder.error();
  return PublishLocation{*folder, *checksum_folder, leads_here(parse_url(url), config)};
}

std::string next_steps(const Config& config, const PublishLocation& place, const PublishedRelease& release) {
  const std::string file = tarball_name({release.agent, release.version, "", "", ""});
  const std::string url = tarball_base(config, release.agent);
  const std::string checksum_url = checksum_base(config, release.agent);
  std::vector<std::string> files = {cat(place.folder, "/", file)};
  if (checksum_url.empty()) files.push_back(files[0] + ".md5");
  if (release.is_signed) files.push_back(files[0] + ".minisig");
  std::string text = copy_hint(config, with_platform(url, release.arch), files);
  if (!checksum_url.empty()) {
    text += copy_hint(config, with_platform(checksum_url, release.arch), {cat(place.checksum_folder, "/", file, ".md5")});
  }
  return text + override_hints(config, release.agent, url) + config_hint(config, release, url) + loopback_hint(config, url);
}

}  // namespace ops::meta
