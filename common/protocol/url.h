#pragma once

// URLs as config files hold them: without a scheme, with HTTP:// in capitals, with a user and a password in them. Text only:
// nothing here touches the network.

#include <optional>
#include <string>
#include <string_view>

namespace ops {

/// The base URL that `text` means: its scheme in small letters, and http:// in front of a host that has none, as wget reads it
/// for the Go original: "10.0.0.1:2000/falcon", "HTTP://m/falcon". nullopt for another scheme, and for a text without a scheme
/// whose host has neither a dot nor a port: that is more often a slip than a host ("falcon", "http:/m/falcon").
std::optional<std::string> read_base_url(const std::string& text);

struct UrlParts {
  std::string url;   // without the user and the password
  std::string user;  // "ann:secret", percent-decoded: a secret; "" for none
};

/// "http://ann:secret@m:2000" in its two parts. A "/" or "@" in a password is written as %2F or %40.
UrlParts split_user(const std::string& url);

/// "a%20b" is "a b". A "%" without two hexadecimal digits behind it stays.
std::string percent_decode(std::string_view text);

/// As it may be printed: "http://ann:***@m:2000". The same for a text without a scheme.
std::string without_password(std::string_view url);

}  // namespace ops
