#include "meta/reports/version_order.h"

#include <cstring>

namespace ops::meta {

bool is_older(const std::string& version, const std::string& than) {
  const size_t tilde = version.find('~');
  const size_t other_tilde = than.find('~');
  const int order = ::strverscmp(version.substr(0, tilde).c_str(), than.substr(0, other_tilde).c_str());
  if (order != 0 || tilde == std::string::npos) return order < 0;
  return other_tilde == std::string::npos || is_older(version.substr(tilde + 1), than.substr(other_tilde + 1));
}

}  // namespace ops::meta
