#include "updater/model/layout.h"

namespace ops::updater {

bool may_be_agent(const std::string& name) { return is_valid_name(name) && name != "var"; }

std::optional<ReleaseName> parse_tarball_name(const std::string& file_name) {
  constexpr std::string_view kEnd = ".tar.gz";
  if (!file_name.ends_with(kEnd)) return std::nullopt;
  const std::string text = file_name.substr(0, file_name.size() - kEnd.size());
  size_t dash = text.find('-');
  const auto is_digit = [&](size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
  const auto is_before_version = [&](size_t at) { return is_digit(at + 1) || (text[at + 1] == 'v' && is_digit(at + 2)); };
  while (dash != std::string::npos && !is_before_version(dash)) dash = text.find('-', dash + 1);
  if (dash == std::string::npos) dash = text.rfind('-');
  if (dash == std::string::npos) return std::nullopt;
  ReleaseName release{text.substr(0, dash), text.substr(dash + 1)};
  if (!may_be_agent(release.name) || !is_valid_version(release.version)) return std::nullopt;
  return release;
}

}  // namespace ops::updater
