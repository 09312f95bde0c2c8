#include "common/daemon/config_reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/base/file.h"
#include "common/base/json_guard.h"

namespace ops {

namespace {

using Json = nlohmann::json;

constexpr size_t kMaxConfigSize = 64 << 20;

/// The library's message without its prefix "[json.exception…] parse error at …: ", which ends with `before`.
std::string reason(const Json::exception& failure, std::string_view before) {
  const std::string what = failure.what();
  const size_t at = what.find(before);
  return at == std::string::npos ? what : what.substr(at + before.size());
}

/// The error with line and column. They are counted here: the library's column is 0 after a number at the end of a line.
std::string syntax_error(std::string_view text, const Json::parse_error& failure) {
  const std::string_view read = text.substr(0, std::max<size_t>(failure.byte, 1) - 1);
  const auto line = std::count(read.begin(), read.end(), '\n') + 1;
  const size_t column = read.size() - (read.rfind('\n') + 1) + 1;  // npos + 1 is 0
  // The text that the library read last may be part of a secret token: leave it out.
  std::string why = reason(failure, ": ");
  if (const size_t last_read = why.find("; last read: "); last_read != std::string::npos) {
    const size_t expected = why.rfind("; expected ");
    why.erase(last_read, expected == std::string::npos || expected < last_read ? std::string::npos : expected - last_read);
  }
  return cat("line ", line, ", column ", column, ": ", why);
}

JsonGuard::Event to_event(Json::parse_event_t event) {
  using From = Json::parse_event_t;
  switch (event) {
    case From::object_start: return JsonGuard::Event::object;
    case From::array_start: return JsonGuard::Event::list;
    case From::key: return JsonGuard::Event::key;
    case From::value: return JsonGuard::Event::value;
    default: return JsonGuard::Event::end;
  }
}

std::string type_name(const Json& value) {
  if (value.is_null()) return "null";
  return cat(value.is_array() || value.is_object() ? "an " : "a ", value.type_name());
}

/// `value`; nullptr when it is nullptr or, with an error reported, not a list.
const Json* list_or_null(const ConfigObject& object, const Json* value, const char* key) {
  if (value == nullptr || value->is_array()) return value;
  object.error(cat("is ", type_name(*value), ", expected an array in [ ]"), key);
  return nullptr;
}

}  // namespace

std::string ConfigReport::text(const std::string& path) const {
  std::string lines;
  for (const std::string& error : errors) lines += cat(path, ": error: ", one_line(error), "\n");
  for (const std::string& warning : warnings) lines += cat(path, ": warning: ", one_line(warning), "\n");
  return lines;
}

/// An object of the document, its place, and the keys that getters have read.
struct ConfigObject::Node {
  const Json* json;
  std::string place;  // "" for the root
  ConfigReport* report;
  std::set<std::string> known;
  std::set<std::string> faulty;  // the keys that had an error; "" is the object itself
  std::vector<std::shared_ptr<Node>> children;

  /// The keys that no getter has read.
  std::vector<std::string> unknown() const {
    std::vector<std::string> keys;
    for (const auto& [key, value] : json->items()) {
      if (!known.contains(key)) keys.push_back(key);
    }
    return keys;
  }

  /// `; did you mean "prefix"?`, or "" when no known key is similar.
  std::string suggestion_for(const std::string& key) const {
    const std::string nearest = nearest_word(key, known);
    return nearest.empty() ? "" : cat("; did you mean \"", nearest, "\"?");
  }

  /// The key's value; null counts as missing. Marks the key as known.
  const Json* find(const char* key) {
    known.insert(key);
    const auto found = json->find(key);
    return found == json->end() || found->is_null() ? nullptr : &*found;
  }
};

struct ConfigDocument::Content {
  Json json = Json::object();
  std::shared_ptr<ConfigObject::Node> root;
};

ConfigDocument::ConfigDocument(ConfigReport& report) : content_(std::make_unique<Content>()) {
  content_->root = std::make_shared<ConfigObject::Node>();
  content_->root->json = &content_->json;
  content_->root->report = &report;
}

ConfigDocument ConfigDocument::load(const std::string& path, ConfigReport& report) {
  ConfigDocument document(report);
  if (const auto text = read_file(path, kMaxConfigSize); !text) {
    report.errors.push_back(text.error().message);
  } else if (trim(*text).empty()) {
    report.errors.push_back("the file is empty");
  } else {
    document.take(*text);
  }
  return document;
}

ConfigDocument ConfigDocument::parse(std::string_view text, ConfigReport& report) {
  ConfigDocument document(report);
  document.take(text);
  return document;
}

void ConfigDocument::take(std::string_view text) {
  std::vector<std::string>& errors = content_->root->report->errors;
  JsonGuard guard;
  try {
    Json parsed = Json::parse(text, [&](int depth, Json::parse_event_t event, const Json& value) {
      const bool is_key = event == Json::parse_event_t::key;
      return guard.follow(static_cast<size_t>(depth), to_event(event), is_key ? value.get<std::string>() : "");
    });
    if (guard.is_too_deep()) {
      errors.push_back(cat("the file is nested deeper than ", JsonGuard::kMaxDepth, " levels"));
      return;
    }
    if (parsed.is_object()) {
      content_->json = std::move(parsed);
    } else {
      errors.push_back(cat("the file contains ", type_name(parsed), ", not an object in { }"));
    }
  } catch (const Json::parse_error& failure) {
    errors.push_back(syntax_error(text, failure));
  } catch (const Json::exception& failure) {  // a number that does not fit a double
    errors.push_back(reason(failure, "] "));
  }
  if (guard.duplicate()) root().warning("is a duplicate key; the last value is used", guard.duplicate()->c_str());
}

ConfigDocument::ConfigDocument(ConfigDocument&& other) noexcept = default;
ConfigDocument::~ConfigDocument() = default;

ConfigObject ConfigDocument::root() const { return ConfigObject(content_->root); }

void ConfigDocument::warn_of_unknown_keys() const {
  std::vector<std::shared_ptr<ConfigObject::Node>> nodes = {content_->root};
  while (!nodes.empty()) {
    const auto node = nodes.back();
    nodes.pop_back();
    nodes.insert(nodes.end(), node->children.rbegin(), node->children.rend());
    for (const std::string& key : node->unknown()) {
      ConfigObject(node).warning("unknown key, ignored" + node->suggestion_for(key), key.c_str());
    }
  }
}

std::string ConfigObject::place(const char* key) const {
  return key == nullptr ? node_->place : node_->place.empty() ? key : cat(node_->place, ".", key);
}

void ConfigObject::error(const std::string& message, const char* key) const {
  // One error for each place: later ones are usually consequences of the first.
  if (node_->faulty.contains("") || !node_->faulty.insert(key == nullptr ? "" : key).second) return;
  const std::string where = place(key);
  node_->report->errors.push_back(where.empty() ? message : cat(where, ": ", message));
}

void ConfigObject::warning(const std::string& message, const char* key) const {
  const std::string where = place(key);
  node_->report->warnings.push_back(where.empty() ? message : cat(where, ": ", message));
}

bool ConfigObject::refuse_unknown_keys() const {
  const std::vector<std::string> unknown = node_->unknown();
  for (const std::string& key : unknown) error("unknown key" + node_->suggestion_for(key), key.c_str());
  node_->known.insert(unknown.begin(), unknown.end());  // no warning about it as well
  return unknown.empty();
}

bool ConfigObject::has(const char* key) const { return node_->find(key) != nullptr; }

std::string ConfigObject::string(const char* key, const std::string& fallback) const {
  const Json* value = node_->find(key);
  if (value == nullptr) return fallback;
  if (value->is_string()) return value->get<std::string>();
  error(cat("is ", type_name(*value), ", expected a string"), key);
  return fallback;
}

bool ConfigObject::boolean(const char* key, bool fallback) const {
  const Json* value = node_->find(key);
  if (value == nullptr) return fallback;
  if (value->is_boolean()) return value->get<bool>();
  error(cat("is ", type_name(*value), ", expected true or false"), key);
  return fallback;
}

int64_t ConfigObject::integer(const char* key, int64_t fallback, int64_t least, int64_t most) const {
  const Json* value = node_->find(key);
  if (value == nullptr) return fallback;
  if (!value->is_number_integer()) {
    error(cat("is ", type_name(*value), ", expected a whole number"), key);
    return fallback;
  }
  // A number above INT64_MAX is unsigned and would wrap.
  const bool too_big = value->is_number_unsigned() && value->get<uint64_t>() > static_cast<uint64_t>(most);
  if (too_big || value->get<int64_t>() < least || value->get<int64_t>() > most) {
    error(cat("is ", value->dump(), ", expected ", least, " to ", most), key);
    return fallback;
  }
  return value->get<int64_t>();
}

double ConfigObject::number(const char* key, double fallback, double least, double most) const {
  const Json* value = node_->find(key);
  if (value == nullptr) return fallback;
  if (!value->is_number()) {
    error(cat("is ", type_name(*value), ", expected a number"), key);
    return fallback;
  }
  const auto number = value->get<double>();
  if (number < least || number > most) {
    error(cat("is ", value->dump(), ", expected ", least, " to ", most), key);
    return fallback;
  }
  return number;
}

ConfigObject ConfigObject::object(const char* key) const {
  static const Json kEmpty = Json::object();
  const Json* value = node_->find(key);
  auto child = std::make_shared<Node>();
  child->json = value != nullptr && value->is_object() ? value : &kEmpty;
  child->place = place(key);
  child->report = node_->report;
  node_->children.push_back(child);
  ConfigObject object(child);
  if (value != nullptr && !value->is_object()) object.error(cat("is ", type_name(*value), ", expected an object in { }"));
  return object;
}

std::vector<std::string> ConfigObject::strings(const char* key) const {
  std::vector<std::string> strings;
  const Json* value = list_or_null(*this, node_->find(key), key);
  for (size_t i = 0; value != nullptr && i < value->size(); ++i) {
    const Json& entry = (*value)[i];
    if (entry.is_string()) {
      strings.push_back(entry.get<std::string>());
    } else {
      error(cat("is ", type_name(entry), ", expected a string"), cat(key, "[", i, "]").c_str());
    }
  }
  return strings;
}

std::vector<std::string> ConfigObject::string_or_strings(const char* key) const {
  const Json* value = node_->find(key);
  return value != nullptr && value->is_array() ? strings(key) : std::vector<std::string>{string(key, "")};
}

std::vector<ConfigObject> ConfigObject::objects(const char* key) const {
  const Json* value = list_or_null(*this, node_->find(key), key);
  std::vector<ConfigObject> list;
  for (size_t i = 0; value != nullptr && i < value->size(); ++i) {
    const Json& entry = (*value)[i];
    if (entry.is_null()) continue;
    auto child = std::make_shared<Node>();
    child->json = &entry;
    child->place = cat(place(key), "[", i, "]");
    child->report = node_->report;
    if (!entry.is_object()) {
      ConfigObject(child).error(cat("is ", type_name(entry), ", expected an object in { }"));
      continue;
    }
    node_->children.push_back(child);
    list.push_back(ConfigObject(child));
  }
  return list;
}

}  // namespace ops
