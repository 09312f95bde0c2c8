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
#include "meta/config/assignments.h"
#include "meta/config/machine_name.h"

namespace ops::meta {

namespace {

/// The parts of a URL like "http://[::1]:2000/a/b?c".
struct Url {
  std::string base;  // http://[::1]:2000
  std::string host;  // ::1
  int port = 0;
  std::string path;       // /a/b
  bool is_plain = false;  // has no "?" and no "#"
};

/// A URL without a scheme is read as http, as in the original.
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

/// Compares the port first, because is_this_machine() may send a DNS query.
bool leads_here(const Url& url, const Config& config) {
  const auto listen = parse_listen_address(config.http_listen);
  return listen && url.port == listen->port && url.is_plain && (url.host == listen->host || is_this_machine(url.host));
}

std::string quoted(const std::string& text) {
  std::string json;
  append_json_string(json, text);
  return json;
}

/// The base URL at which hosts reach this ops-meta, like http://10.0.0.1:2000. Taken from another agent in cfg.json, or else
/// made from http.listen and the name or address of this machine.
std::string own_base(const Config& config) {
  for (const AgentConfig& entry : config.agents) {
    if (const Url url = parse_url(entry.defaults.tarball); leads_here(url, config)) return url.base;
  }
  const auto listen = parse_listen_address(config.http_listen);
  const bool is_tls = !config.tls.cert.empty();
  std::string host = listen ? listen->host : "";
  if (host.empty() || host == "0.0.0.0" || host == "::")
    host = is_tls ? machine_name() : machine_address();  // a certificate names a host and rarely an address
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return cat(is_tls ? "https://" : "http://", host, ":", listen ? listen->port : 2000);
}

/// The base URLs of the agent's `default`.
std::vector<std::string> tarball_bases(const Config& config, const std::string& agent) {
  const AgentConfig* known = find_agent(config, agent);
  if (known == nullptr || known->defaults.tarball.empty()) return {cat(own_base(config), "/", agent)};
  std::vector<std::string> bases;
  for (const DesiredAgent& source : sources_of(known->defaults)) bases.push_back(source.tarball);
  return bases;
}

/// The base URL that gives the folder: the first that leads here, or else the first.
std::string tarball_base(const Config& config, const std::vector<std::string>& bases) {
  const auto is_own = [&](const std::string& base) { return leads_here(parse_url(base), config); };
  const auto own = std::find_if(bases.begin(), bases.end(), is_own);
  return own == bases.end() ? bases.front() : *own;
}

/// The base URL of the .md5 file; "" when it is that of the tarball.
std::string checksum_base(const Config& config, const std::string& agent) {
  const AgentConfig* known = find_agent(config, agent);
  return known != nullptr && given_checksum(known->defaults).empty() ? known->defaults.md5 : "";
}

/// Whether ops-meta answers this path with a page of its own, and not with a file of tarballDir.
bool is_page(const std::filesystem::path& path) { return *path.begin() == "explain" || *path.begin() == "status"; }

/// tarballDir with the URL's path appended; absolute.
Result<std::string> folder_of(const Config& config, const std::string& url, const std::string& arch) {
  if (url.find("{arch}") != std::string::npos && arch.empty()) {
    return Error{cat("cannot determine the folder: the URL ", without_secrets(url),
                     " contains {arch}; add -a amd64 or -a arm64, for the hosts that run the release")};
  }
  std::filesystem::path below;
  std::istringstream parts(parse_url(with_platform(url, arch)).path);
  for (std::string part; std::getline(parts, part, '/');) {
    if (part.find(kFilePlace) != std::string::npos) {
      if ((part == kFilePlace && parts.eof()) || !leads_here(parse_url(url), config)) break;
      return Error{cat("ops-meta serves no file at ", without_secrets(url), ": {file} must be the last part of the path")};
    }
    const std::string name = percent_decode(part);
    if (name.empty()) continue;
    if (name == "." || name == ".." || name.find_first_of(std::string("/\n\0", 3)) != std::string::npos) {
      return Error{cat("cannot determine the folder: the path of the URL ", without_secrets(url), " contains \"", part, "\"")};
    }
    below /= name;
  }
  if (!below.empty() && is_page(below) && leads_here(parse_url(url), config)) {
    return Error{cat("ops-meta serves its own pages at ", without_secrets(url),
                     ", and no files; change the agent's `tarball` in cfg.json")};
  }
  const std::filesystem::path root = std::filesystem::absolute(config.tarball_dir);
  std::string folder = (root / below).lexically_normal().string();
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  return folder;
}

/// Tells the operator to copy `files` to the base URL `url`; "" when that URL leads to this ops-meta.
std::string copy_hint(const Config& config, const std::string& url, const std::vector<std::string>& files) {
  if (leads_here(parse_url(url), config)) return "";
  std::string text = cat("Copy ", files.size() == 1 ? "this file" : "these files", " to ", without_secrets(url),
                         ", from which hosts download them (not needed if this URL leads to this ops-meta):\n");
  for (const std::string& file : files) text += cat("    ", file, "\n");
  return text;
}

/// Names the overrides with another `tarball`: their hosts do not download from `bases`.
std::string override_hints(const Config& config, const std::string& agent, const std::vector<std::string>& bases) {
  std::string text;
  const AgentConfig* known = find_agent(config, agent);
  for (size_t i = 0; known != nullptr && i < known->others.size(); ++i) {
    DesiredAgent other;
    apply(known->others[i], other);
    for (const DesiredAgent& source : sources_of(other)) {
      if (source.tarball.empty() || std::find(bases.begin(), bases.end(), source.tarball) != bases.end()) continue;
      text += cat("Hosts of others[", i, "] download from ", without_secrets(source.tarball),
                  ": copy the files to that URL as well, before you assign them this version.\n");
    }
  }
  return text;
}

std::string config_hint(const Config& config, const PublishedRelease& release, const std::string& url) {
  const std::string version = quoted(release.version);
  const AgentConfig* known = find_agent(config, release.agent);
  const bool can_show = without_secrets(url) == url && (known == nullptr || known->defaults.mirrors.empty());
  if (known == nullptr) {
    return cat("cfg.json has no agent ", release.agent,
               ", so no host runs it. To run it on all hosts, add this to \"agents\" in cfg.json and ",
               "run ./control reload:\n    {\"default\": {\"name\": ", quoted(release.agent), ", \"version\": ", version,
               ", \"tarball\": ", quoted(url), ", \"md5\": \"\", \"cmd\": \"start\"}}\n");
  }
  return cat("Set this in cfg.json and run ./control reload:\n    \"version\": ", version,
             can_show ? cat(", \"tarball\": ", quoted(url)) : "",
             given_checksum(known->defaults).empty() ? "" : cat(", \"md5\": ", quoted(release.md5)), "\n");
}

/// Warns of a loopback address in the URL, with which a host would connect to itself.
std::string loopback_hint(const Config& config, const std::string& url) {
  const Url parts = parse_url(url);
  const auto listen = parse_listen_address(config.http_listen);
  if (!is_loopback(parts.host) || !listen || is_loopback(listen->host)) return "";
  return cat("Only this machine can reach ", parts.host,
             ". For other hosts, replace it in cfg.json by an address that they reach, like ", machine_address(), ".\n");
}

}  // namespace

Result<PublishLocation> publish_location_of(const Config& config, const std::string& agent, const std::string& arch) {
  const std::string url = tarball_base(config, tarball_bases(config, agent));
  const std::string checksum_url = checksum_base(config, agent);
  const auto folder = folder_of(config, url, arch);
  if (!folder) return folder.error();
  const auto checksum_folder = checksum_url.empty() ? folder : folder_of(config, checksum_url, arch);
  if (!checksum_folder) return checksum_folder.error();
  return PublishLocation{*folder, *checksum_folder, leads_here(parse_url(url), config)};
}

std::string next_steps(const Config& config, const PublishLocation& location, const PublishedRelease& release) {
  const std::string file = tarball_name({release.agent, release.version, "", "", ""});
  const std::vector<std::string> bases = tarball_bases(config, release.agent);
  const std::string url = tarball_base(config, bases);
  const std::string checksum_url = checksum_base(config, release.agent);
  std::vector<std::string> files = {cat(location.folder, "/", file)};
  if (checksum_url.empty()) files.push_back(files[0] + ".md5");
  if (release.is_signed) files.push_back(files[0] + ".minisig");
  std::string text;
  for (const std::string& base : bases) text += copy_hint(config, with_platform(base, release.arch), files);
  if (!checksum_url.empty()) {
    text += copy_hint(config, with_platform(checksum_url, release.arch), {cat(location.checksum_folder, "/", file, ".md5")});
  }
  return text + override_hints(config, release.agent, bases) + config_hint(config, release, url) + loopback_hint(config, url);
}

}  // namespace ops::meta
