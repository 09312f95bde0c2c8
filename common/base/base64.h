#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ops {

/// The bytes that `text` encodes in base64 (RFC 4648, section 4). nullopt unless it is exactly what an encoder writes: no white
/// space, padded with "=", unused bits zero. So no two texts have the same bytes.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace ops
