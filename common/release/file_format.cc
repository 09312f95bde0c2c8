#include "common/release/file_format.h"

#include <array>

#include "common/base/text.h"

namespace ops {

namespace {

using std::string_view_literals::operator""sv;

struct Format {
  std::string_view magic;
  size_t at;
  const char* name;
};

constexpr std::array kFormats{
    Format{"\x1f\x8b"sv, 0, "a gzip file"},
    Format{"\xfd"
           "7zXZ\0"sv,
           0, "an .xz file"},
    Format{"BZh"sv, 0, "a .bz2 file"},
    Format{"\x28\xb5\x2f\xfd"sv, 0, "a .zst file"},
    Format{"\x04\x22\x4d\x18"sv, 0, "an .lz4 file"},
    Format{"PK\x03\x04"sv, 0, "a .zip file"},
    Format{"7z\xbc\xaf\x27\x1c"sv, 0, "a .7z file"},
    Format{"ustar"sv, 257, "a .tar without compression"},
    Format{"!<arch>\n"sv, 0, "a .deb package"},
    Format{"\xed\xab\xee\xdb"sv, 0, "an .rpm package"},
    Format{"\x7f"
           "ELF"sv,
           0, "a program"},
    Format{"#!"sv, 0, "a script"},
};

}  // namespace

bool is_gzip(std::string_view head) { return head.starts_with(kFormats[0].magic); }

std::string format_of(std::string_view head) {
  for (const Format& format : kFormats) {
    if (head.size() >= format.at && head.substr(format.at).starts_with(format.magic)) return format.name;
  }
  const std::string text = to_lower(trim(head.substr(0, 64)));
  return text.starts_with("<!doctype html") || text.starts_with("<html") ? "a web page" : "";
}

}  // namespace ops
