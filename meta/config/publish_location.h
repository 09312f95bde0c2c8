#pragma once

// Where `./control publish` puts the files of a release, and what it tells the operator to put into cfg.json.
//
// The folder follows from the `tarball` URL in the agent's `default`: it is the URL's path below tarballDir, with {os} and
// {arch} filled in. With http://m:2000/falcon the files go to tarballDir/falcon, whatever the agent's name is. `md5` gives the
// folder of the .md5 file in the same way when it is a URL. For an agent that cfg.json does not name, the URL is /NAME on
// this ops-meta.
//
// A URL leads here when its port is that of http.listen and its host is, or resolves on this machine to, a loopback address or
// an address of this machine's network interfaces. For any other URL the files go to the same folder, and the operator is
// told to copy them to the URL. So a wrong guess (a load balancer's name, a proxy's port) costs a needless hint, not a 404.

#include <string>

#include "common/base/result.h"
#include "meta/config/config.h"

namespace ops::meta {

/// One release, as publish was called for it.
struct PublishedRelease {
  std::string agent;
  std::string version;
  std::string arch;  // "amd64" or "arm64" fills in {arch}; "" when the URL has none
  std::string md5;   // of the tarball
  bool is_signed = false;
};

struct PublishLocation {
  std::string folder;           // of the tarball and the signature; absolute
  std::string checksum_folder;  // of the .md5 file; absolute
  bool is_here = true;          // hosts fetch the tarball from this ops-meta

  bool operator==(const PublishLocation&) const = default;
};

/// An error when a URL needs `arch` and there is none, or when ops-meta would serve no file at its path.
Result<PublishLocation> place_of(const Config& config, const std::string& agent, const std::string& arch);

/// Lines of text, after the files are in place: which of them to copy where, and what to put into cfg.json.
std::string next_steps(const Config& config, const PublishLocation& place, const PublishedRelease& release);

}  // namespace ops::meta
