#pragma once

// Reads a config file in JSON so that the person who edits it learns of all its faults at once. A syntax error has its
// line and column; any other fault names its place, like agents[0].default.version. A key that the daemon does not know is a
// warning, or an error in an object where a misspelt key would change the meaning; both name the known key that is spelt most
// like it. The first key that an object holds twice is a warning.

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace ops {

/// What is wrong with a config, a line each. It may be used when there are no errors.
struct ConfigReport {
  std::vector<std::string> errors;
  std::vector<std::string> warnings;

  bool ok() const { return errors.empty(); }
  /// All errors and then all warnings, a line each: "cfg.json: error: …".
  std::string text(const std::string& path) const;
};

/// A JSON object being read. A getter returns its fallback when the key is missing, and also when the value is wrong, which
/// it reports. The document and the report must outlive it.
class ConfigObject {
 public:
  std::string string(const char* key, const std::string& fallback) const;
  bool boolean(const char* key, bool fallback) const;
  /// Reports a number that is no integer or lies outside least … most.
  int64_t integer(const char* key, int64_t fallback, int64_t least, int64_t most) const;
  /// The same of a number that may have a fraction.
  double number(const char* key, double fallback, double least, double most) const;
  /// An empty object when the key is missing.
  ConfigObject object(const char* key) const;
  /// The strings of a list; empty when the key is missing.
  std::vector<std::string> strings(const char* key) const;
  /// The objects of a list. Entries that are null are skipped, as the original does.
  std::vector<ConfigObject> objects(const char* key) const;

  bool has(const char* key) const;

  /// Reports `message` as an error at this object's place, or at its key's when one is given; but only the first at a place.
  void error(const std::string& message, const char* key = nullptr) const;
  void warning(const std::string& message, const char* key = nullptr) const;

  /// To be called when all of this object is read: reports every key that no getter asked for as an error. False when there was
  /// one.
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
  /// A file that can't be read or parsed is reported; root() is then an empty object.
  static ConfigDocument load(const std::string& path, ConfigReport& report);
  static ConfigDocument parse(std::string_view text, ConfigReport& report);
  ~ConfigDocument();
  ConfigDocument(ConfigDocument&& other) noexcept;

  ConfigObject root() const;

  /// To be called when all is read: warns of every key that no getter asked for.
  void warn_of_unknown_keys() const;

 private:
  explicit ConfigDocument(ConfigReport& report);
  void take(std::string_view text);

  struct Content;
  std::unique_ptr<Content> content_;
};

}  // namespace ops
