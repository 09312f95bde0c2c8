#pragma once

// URLs in config files: some have no scheme, some have the scheme in upper case, some contain a user and a password. No
// function accesses the network.

#include <optional>
#include <string>
#include <string_view>

namespace ops {

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

/// The URL with its password masked, for messages: "http://ann:***@m:2000". `url` may lack the scheme.
std::string without_password(std::string_view url);

/// `text`, such as a server's error text, with the password of `url` masked wherever it occurs.
std::string mask_secrets(std::string text, std::string_view url);

}  // namespace ops
