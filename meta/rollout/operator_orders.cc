#include "meta/rollout/operator_orders.h"

#include <unistd.h>

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
  std::vector<Given> given;
  try {
    const Json document = Json::parse(*text);
    for (const Json& order : document.at("orders")) {
      given.push_back({order.at("agent"), order.at("version"), order.at("order") == "halt" ? Order::halt : Order::resume,
                       order.at("config")});
    }
  } catch (const Json::exception&) {
    return Error{
        cat(path_, " is damaged, so what was halted or resumed by hand is not known; say it again, or remove the file")};
  }
  const std::lock_guard lock(mutex_);
  given_ = std::move(given);
  return {};
}

std::optional<Order> OperatorOrders::find(std::string_view agent, std::string_view version) const {
  const std::lock_guard lock(mutex_);
  for (const Given& given : given_) {
    if (given.agent == agent && given.version == version) return given.order;
  }
  return std::nullopt;
}

Result<void> OperatorOrders::give(const Config& config, const std::string& agent, const std::string& version, Order order) {
  const AgentConfig* entry = find_agent(config, agent);
  if (entry == nullptr) return Error{cat("there is no agent \"", one_line(agent, 100), "\" in the config")};
  if (!is_valid_version(version)) return Error{invalid_version_message(version)};
  if (const auto known = versions_of(*entry); !known.contains(version)) {
    std::string list;
    for (const std::string& one : known) list += (list.empty() ? "" : ", ") + one;
    return Error{cat("the config names ", agent, " ", list, ", and no ", version)};
  }
  const std::lock_guard lock(mutex_);
  std::erase_if(given_, [&](const Given& given) { return given.agent == agent && given.version == version; });
  given_.push_back({agent, version, order, to_json(*entry)});
  if (auto saved = save(); !saved)
    return Error{cat("it holds until ops-meta ends, for it is not saved: ", saved.error().message)};
  return {};
}

std::vector<std::string> OperatorOrders::keep_those_of(const Config& config) {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> forgotten;
  std::erase_if(given_, [&](const Given& given) {
    const AgentConfig* entry = find_agent(config, given.agent);
    if (entry != nullptr && to_json(*entry) == given.config) return false;
    forgotten.push_back(cat(name_of(given.order), " of ", given.agent, " ", given.version));
    return true;
  });
  if (!forgotten.empty()) (void)save();  // what stays in the file is of another config, and is forgotten at the next start too
  return forgotten;
}

Result<void> OperatorOrders::save() const {
  if (path_.empty()) return {};
  Json orders = Json::array();
  for (const Given& given : given_) {
    orders.push_back(
        {{"agent", given.agent}, {"version", given.version}, {"order", name_of(given.order)}, {"config", given.config}});
  }
  return replace_file(path_, Json{{"orders", std::move(orders)}}.dump(-1, ' ', false, Json::error_handler_t::replace), 0600);
}

}  // namespace ops::meta
