#pragma once

// The folder in which `./control publish` puts the files of a release, and the text that tells the operator the next steps.
//
// The `tarball` URL in the agent's `default` gives the folder: tarballDir with the URL's path appended, up to {file}, and with
// {os} and {arch} filled in. In a list of URLs it is the first that leads to this ops-meta, or else the first. For
// http://m:2000/falcon it is tarballDir/falcon, independent of the agent's name. When `md5` is a URL, it gives the folder of
// the .md5 file in the same way. For an agent that is not in cfg.json, the URL is /NAME on this ops-meta.
//
// A URL leads to this ops-meta when its port is that of http.listen, and its host is this machine (machine_name.h). For any
// other URL the files go to the same folder, and the text tells the operator to copy them to the URL. So when the URL is that
// of a load balancer or a proxy of this ops-meta, the operator gets a hint that is not needed, and hosts still find the files.

#include <string>

#include "common/base/result.h"
#include "meta/config/config.h"

namespace ops::meta {

/// The release that `./control publish` publishes.
struct PublishedRelease {
  std::string agent;
  std::string version;
  std::string arch;  // "amd64" or "arm64", the value of {arch}; "" when the URL has no {arch}
  std::string md5;   // of the tarball
  bool is_signed = false;
};

struct PublishLocation {
  std::string folder;           // of the tarball and the signature; absolute
  std::string checksum_folder;  // of the .md5 file; absolute
  bool is_here = true;          // hosts download the tarball from this ops-meta

  bool operator==(const PublishLocation&) const = default;
};

/// An error when a URL contains {arch} and `arch` is "", or when ops-meta serves no files at the path of a URL.
Result<PublishLocation> publish_location_of(const Config& config, const std::string& agent, const std::string& arch);

/// Lines of text for the operator, for the time after the files are in the folder: files to copy elsewhere, and the line for
/// cfg.json.
std::string next_steps(const Config& config, const PublishLocation& location, const PublishedRelease& release);

}  // namespace ops::meta
