#pragma once

// Reads a config file in JSON and reports all its faults at once. A syntax error has a line and a column; any other fault has a
// place, like agents[0].default.version. An unknown key is a warning, or an error in an object where a misspelt key would
// change the meaning; the message names the most similar known key. The first duplicate key is a warning.

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace ops {

/// The faults of a config, one line each. A config without errors may be used.
struct ConfigReport {
  std::vector<std::string> errors;
  std::vector<std::string> warnings;

  bool ok() const { return errors.empty(); }
  /// All errors, then all warnings, one line each: "cfg.json: error: …".
  std::string text(const std::string& path) const;
};

/// A JSON object of a config. A getter returns the fallback when the key is missing or null. It also returns the fallback when
/// the value is invalid, and reports an error. The document and the report must outlive the object.
class ConfigObject {
 public:
  std::string string(const char* key, const std::string& fallback) const;
  bool boolean(const char* key, bool fallback) const;
  /// Reports a number that is not an integer or is outside least … most.
  int64_t integer(const char* key, int64_t fallback, int64_t least, int64_t most) const;
  /// Like integer(), for a number that may have a fraction.
  double number(const char* key, double fallback, double least, double most) const;
  /// An empty object when the key is missing.
  ConfigObject object(const char* key) const;
  /// The strings of a list; empty when the key is missing.
  std::vector<std::string> strings(const char* key) const;
  /// The strings of a list, or the string alone: the value may be either. One "" when the key is missing.
  std::vector<std::string> string_or_strings(const char* key) const;
  /// The objects of a list. Entries that are null are skipped, as the original does.
  std::vector<ConfigObject> objects(const char* key) const;

  bool has(const char* key) const;

  /// Reports `message` as an error at the place of the object, or of its key if given. Only the first error of a place is kept.
  void error(const std::string& message, const char* key = nullptr) const;
  void warning(const std::string& message, const char* key = nullptr) const;

  /// Reports an error for every key that no getter has read. Call it after the last getter. False when there is such a key.
  bool refuse_unknown_keys() const;

 private:
  friend class ConfigDocument;
  struct Node;
  explicit ConfigObject(std::shared_ptr<Node> node) : node_(std::move(node)) {}
  std::string place(const char* key) const;

  std::shared_ptr<Node> node_;
};

/// A whole config.
class ConfigDocument {
 public:
  /// Reports a file that cannot be read or parsed. root() is then an empty object.
  static ConfigDocument load(const std::string& path, ConfigReport& report);
  static ConfigDocument parse(std::string_view text, ConfigReport& report);
  ~ConfigDocument();
  ConfigDocument(ConfigDocument&& other) noexcept;

  ConfigObject root() const;

  /// Reports a warning for every key that no getter has read. Call it after the last getter.
  void warn_of_unknown_keys() const;

 private:
  explicit ConfigDocument(ConfigReport& report);
  void take(std::string_view text);

  struct Content;
  std::unique_ptr<Content> content_;
};

}  // namespace ops
