#include "common/protocol/release.h"

#include "common/protocol/url.h"

namespace ops {

namespace {

constexpr char kOs[] = "linux";

#if defined(__x86_64__)
constexpr char kArch[] = "amd64";
#elif defined(__aarch64__)
constexpr char kArch[] = "arm64";
#else
#error "define kArch for this architecture, with its name in Go and Debian"
#endif

void replace_all(std::string& text, std::string_view placeholder, const std::string& value) {
  for (size_t at = 0; (at = text.find(placeholder, at)) != std::string::npos; at += value.size()) {
    text.replace(at, placeholder.size(), value);
  }
}

std::string url_below(std::string base, const std::string& file) {
  base = read_base_url(base).value_or(base);
  base = with_platform(std::move(base), kArch);
  std::string encoded = file;
  replace_all(encoded, "+", "%2B");  // S3 takes a plain "+" for a blank
  if (base.find(kFilePlace) != std::string::npos) {
    replace_all(base, kFilePlace, encoded);
    return base;
  }
  while (base.ends_with('/')) base.pop_back();
  return base + "/" + encoded;
}

}  // namespace

std::string tarball_name(const DesiredAgent& agent) { return agent.name + "-" + agent.version + ".tar.gz"; }

std::string tarball_url(const DesiredAgent& agent) { return url_below(agent.tarball, tarball_name(agent)); }

std::string checksum_url(const DesiredAgent& agent) {
  return url_below(agent.md5.empty() ? agent.tarball : agent.md5, tarball_name(agent) + ".md5");
}

std::string signature_url(const DesiredAgent& agent) { return url_below(agent.tarball, tarball_name(agent) + ".minisig"); }

std::vector<DesiredAgent> sources_of(const DesiredAgent& agent) {
  std::vector<DesiredAgent> sources = {agent};
  sources.front().mirrors.clear();
  for (const std::string& mirror : agent.mirrors) sources.emplace_back(sources.front()).tarball = mirror;
  return sources;
}

std::string given_checksum(const DesiredAgent& agent) { return is_hex(agent.md5, 32) ? to_lower(agent.md5) : std::string(); }

std::string with_platform(std::string url, const std::string& arch) {
  replace_all(url, "{os}", kOs);
  replace_all(url, "{arch}", arch);
  return url;
}

std::string platform() { return cat(kOs, "_", kArch); }

}  // namespace ops
