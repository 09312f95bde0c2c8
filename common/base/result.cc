#include "common/base/result.h"

#include <cerrno>
#include <cstring>

namespace ops {

Error system_error(std::string_view doing, std::string_view what) { return system_error(doing, what, errno); }

Error system_error(std::string_view doing, std::string_view what, int error_number) {
  return {cat("cannot ", doing, " ", what, ": ", std::strerror(error_number))};
}

}  // namespace ops
