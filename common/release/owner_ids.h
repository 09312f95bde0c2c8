#pragma once

// The numbers of users and groups on this host, from /etc/passwd and /etc/group. getpwnam(3) would load modules of the host
// into a static binary.

#include <sys/types.h>

#include <map>
#include <string>

namespace ops {

class OwnerIds {
 public:
  /// Reads a file of the form of /etc/passwd or /etc/group: NAME:PASSWORD:NUMBER:… A file that cannot be read has no names.
  explicit OwnerIds(const std::string& path);

  /// The number of the name, else `fallback`: as tar(1) does when root unpacks.
  id_t find(const std::string& name, id_t fallback) const;

  /// A name of the number; "" if there is none.
  std::string name_of(id_t id) const;

 private:
  std::map<std::string, id_t> ids_;
};

}  // namespace ops
