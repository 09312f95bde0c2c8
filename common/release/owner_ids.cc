#include "common/release/owner_ids.h"

#include <algorithm>
#include <sstream>

#include "common/base/file.h"
#include "common/base/text.h"

namespace ops {

namespace {

constexpr size_t kMaxFile = 4 << 20;  // bytes

}  // namespace

OwnerIds::OwnerIds(const std::string& path) {
  const auto text = read_file(path, kMaxFile);
  if (!text) return;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string name;
    std::string password;
    std::string number;
    if (!std::getline(fields, name, ':') || !std::getline(fields, password, ':') || !std::getline(fields, number, ':'))
      continue;
    if (const auto id = parse_number(number)) ids_.emplace(name, static_cast<id_t>(*id));
  }
}

id_t OwnerIds::find(const std::string& name, id_t fallback) const {
  const auto found = ids_.find(name);
  return found == ids_.end() ? fallback : found->second;
}

std::string OwnerIds::name_of(id_t id) const {
  const auto found = std::find_if(ids_.begin(), ids_.end(), [&](const auto& entry) { return entry.second == id; });
  return found == ids_.end() ? std::string() : found->first;
}

}  // namespace ops
