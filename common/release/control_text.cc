#include "common/release/control_text.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "common/base/text.h"

namespace ops {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr char kConvertCrLf[] = "; convert it: sed -i 's/\\r$//' control";

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

/// The words after "#!"; empty when the text is not a script.
std::vector<std::string> first_words(std::string_view text) {
  std::vector<std::string> words;
  if (!text.starts_with("#!")) return words;
  std::istringstream line{std::string(first_line(text).substr(2))};
  for (std::string word; line >> word;) words.push_back(word);
  return words;
}

bool is_executable(const std::string& path) { return ::access(path.c_str(), X_OK) == 0; }

bool is_in_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (is_executable(folder + "/" + program)) return true;
  }
  return false;
}

}  // namespace

std::string fault_of_control(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) {
    return "control begins with a byte order mark, which hides its #! from the kernel; save it as UTF-8 without one";
  }
  const std::string_view line = first_line(text);
  if (!line.starts_with("#!") || !line.ends_with('\r')) return "";
  return cat("control has Windows line ends (CRLF): hosts look for the program \"", trim(line.substr(2)), "\\r\"",
             kConvertCrLf);
}

std::vector<std::string> warnings_about_control(std::string_view text) {
  if (!text.starts_with("#!") && !text.starts_with("\x7f"
                                                   "ELF")) {
    return {"control is neither a script with a first line like #!/bin/bash nor a Linux program: hosts may fail to run it"};
  }
  const size_t at = text.starts_with("#!") ? text.find("\r\n") : std::string_view::npos;
  if (at == std::string_view::npos) return {};
  const auto line = std::count(text.begin(), text.begin() + static_cast<long>(at), '\n') + 1;
  return {
      cat("line ", line, " of control has a Windows line end (CRLF), which a shell reads as part of the line", kConvertCrLf)};
}

std::string missing_interpreter(std::string_view text) {
  const auto words = first_words(text);
  if (words.empty()) return "";
  if (words[0].starts_with('/') && !is_executable(words[0])) return words[0];
  if (!words[0].ends_with("/env") || words.size() < 2) return "";
  const std::string& program = words[1];
  const bool is_name = program.find_first_of("/=") == std::string::npos && !program.starts_with('-');
  return is_name && !is_in_path(program) ? program : "";
}

}  // namespace ops
