#pragma once

// URLs in config files: some have no scheme, some have the scheme in upper case, some contain a user and a password. No
// function accesses the network.

#include <optional>
#include <string>
#include <string_view>

namespace ops {

/// Stands in a base URL for the name of the file (release.h).
inline constexpr std::string_view kFilePlace = "{file}";

/// `text` as a base URL: the scheme in lower case, http:// before a text without a scheme, as wget does for the Go original:
/// "10.0.0.1:2000/falcon", "HTTP://m/falcon". nullopt for another scheme, and for a text without a scheme whose host has no dot
/// and no port: that is usually a mistake ("falcon", "http:/m/falcon").
std::optional<std::string> read_base_url(const std::string& text);

struct UrlParts {
  std::string url;   // without the user and the password
  std::string user;  // "ann:secret", percent-decoded; a secret; "" without a user
};

/// Splits "http://ann:secret@m:2000" into URL and user. A "/" or "@" in a password is written as %2F or %40.
UrlParts split_user(const std::string& url);

/// "a%20b" becomes "a b". A "%" without two hexadecimal digits after it stays.
std::string percent_decode(std::string_view text);

/// The URL without its secrets, for messages: the password and the query, which may be a signature, are masked:
/// "http://ann:***@m:2000/x?…". "{file}" in the query stays: "https://m/x?…{file}…". `url` may lack the scheme.
std::string without_secrets(std::string_view url);

/// `text`, such as a server's error text, with the password and the query of `url` masked wherever they occur, and each value
/// of the query with 8 bytes at least. A value that ends with the name of a release's file is no secret.
std::string mask_secrets(std::string text, std::string_view url);

}  // namespace ops
