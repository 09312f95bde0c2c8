#include "meta/rollout/operator_orders.h"

#include <unistd.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "common/base/file.h"

namespace ops::meta {

namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxSize = 64 << 20;

}  // namespace

std::string_view name_of(Order order) { return order == Order::halt ? "halt" : "resume"; }

Result<void> OperatorOrders::load() {
  if (path_.empty() || ::access(path_.c_str(), F_OK) != 0) return {};
  const auto text = read_file(path_, kMaxSize);
  if (!text) return text.error();
  std::vector<Entry> entries;
  try {
    const Json document = Json::parse(*text);
    for (const Json& order : document.at("orders")) {
      entries.push_back({order.at("agent"), order.at("version"), order.at("order") == "halt" ? Order::halt : Order::resume,
                         order.at("config"), order.value("at", int64_t{0})});
    }
  } catch (const Json::exception&) {
    return Error{cat(path_, " is damaged: the halts and resumes by hand are lost; remove the file, then give them again")};
  }
  const std::lock_guard lock(mutex_);
  entries_ = std::move(entries);
  return {};
}

std::optional<Order> OperatorOrders::find(std::string_view agent, std::string_view version) const {
  const std::lock_guard lock(mutex_);
  for (const Entry& entry : entries_) {
    if (entry.agent == agent && entry.version == version) return entry.order;
  }
  return std::nullopt;
}

int64_t OperatorOrders::given_at(std::string_view agent, std::string_view version) const {
  const std::lock_guard lock(mutex_);
  for (const Entry& entry : entries_) {
    if (entry.agent == agent && entry.version == version) return entry.at;
  }
  return 0;
}

Result<void> OperatorOrders::give(const Config& config, const std::string& agent, const std::string& version, Order order) {
  const AgentConfig* agent_config = find_agent(config, agent);
  if (agent_config == nullptr) return Error{cat("the config has no agent \"", one_line(agent, 100), "\"")};
  if (!is_valid_version(version)) return Error{invalid_version_message(version)};
  if (const auto known = versions_of(*agent_config); !known.contains(version)) {
    std::string list;
    for (const std::string& one : known) list += (list.empty() ? "" : ", ") + one;
    return Error{cat("the config has no version ", version, " of ", agent, ", only ", list)};
  }
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const Entry& entry) { return entry.agent == agent && entry.version == version; });
  entries_.push_back({agent, version, order, to_json(*agent_config), std::time(nullptr)});
  if (auto saved = save(); !saved) {
    return Error{cat("the order is in effect, but is lost at the next restart: ", saved.error().message)};
  }
  return {};
}

std::vector<std::string> OperatorOrders::remove_outdated(const Config& config) {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> removed;
  std::erase_if(entries_, [&](const Entry& entry) {
    const AgentConfig* agent_config = find_agent(config, entry.agent);
    if (agent_config != nullptr && to_json(*agent_config) == entry.config) return false;
    removed.push_back(cat(name_of(entry.order), " of ", entry.agent, " ", entry.version));
    return true;
  });
  if (!removed.empty()) (void)save();  // if that fails, the next start removes them again
  return removed;
}

std::string OperatorOrders::json() const {
  const std::lock_guard lock(mutex_);
  return json_locked();
}

std::string OperatorOrders::json_locked() const {
  Json orders = Json::array();
  for (const Entry& entry : entries_) {
    orders.push_back({{"agent", entry.agent},
                      {"version", entry.version},
                      {"order", name_of(entry.order)},
                      {"at", entry.at},
                      {"config", entry.config}});
  }
  return Json{{"orders", std::move(orders)}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<void> OperatorOrders::save() const {
  if (path_.empty()) return {};
  return replace_file(path_, json_locked(), 0600);
}

}  // namespace ops::meta
