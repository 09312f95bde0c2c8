#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ops {

/// The bytes that `text` encodes in base64 (RFC 4648, section 4). nullopt for any other text: it must be padded
/// with "=", have no white space, and have zeros in its unused bits. Two different texts never give the same bytes.
std::optional<std::string> decode_base64(std::string_view text);

/// The base64 of the bytes, padded.
std::string encode_base64(std::string_view bytes);

}  // namespace ops
