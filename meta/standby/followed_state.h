#pragma once

// What the ops-meta that stands by keeps of the one that leads. GET /standby/state returns:
//
//   {"generation": 1447000000, "warmsUp": false, "config": TEXT, "orders": TEXT, "rollouts": TEXT}
//
// Each TEXT is a JSON document: `config` of assignments_json() (config.h), `orders` of operator_orders.h, and `rollouts` of
// rollout_snapshot.h, with the times of the wall clock that `?now=` in the request shows. The document is a secret: URLs in it
// keep their passwords.
//
// The ops-meta that stands by writes them to the files in which a leader keeps them, so a promotion is a start with these
// files: orders to var/orders.json, rollouts to var/rollouts.json, and the reply of GET /standby/hosts to var/hosts.table. The
// config goes to var/followed.json, with mode 0600: ops-meta never writes cfg.json.
//
//   {"generation": 1447000000, "at": 1447000100, "config": TEXT}
//
// A promotion removes var/followed.json. An ops-meta that steps down writes its own config there.
//
// A leader in its warm-up does not know all of its rollouts. Its `rollouts` are not written: the file before stays.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "meta/config/assignments.h"
#include "meta/hosts/host_table.h"
#include "meta/rollout/controller.h"

namespace ops::meta {

inline constexpr char kFollowedFile[] = "var/followed.json";

struct FollowedState {
  int64_t generation = 0;
  bool warms_up = false;
  std::string config;
  std::string orders;
  std::string rollouts;

  bool operator==(const FollowedState&) const = default;
};

/// The state of this ops-meta, which leads. `wall`: what the wall clock of the reader shows now.
FollowedState state_of(const Config& config, const HostTable& hosts, const RolloutController& controller, int64_t generation,
                       WallTime wall);

std::string to_json(const FollowedState& state);
Result<FollowedState> parse_followed_state(const std::string& text);

/// What is left of a leader in var/followed.json.
struct FollowedConfig {
  int64_t generation = 0;
  int64_t at = 0;  // seconds since 1970
  std::string config;
};
/// nullopt if there is no such file or it is damaged.
std::optional<FollowedConfig> load_followed(const std::string& path);

Result<void> save_followed(const FollowedConfig& followed, const std::string& path);

/// Writes the files above. Leaves out the files whose content is in `before`.
Result<void> write_followed(const FollowedState& state, const FollowedState& before, int64_t now);

/// The text of cfg.json with the `agents` and `interval` of the last leader; "" if it assigns the same already. A secret.
Result<std::string> with_followed_agents(const std::string& path, const Config& config, const FollowedConfig& followed);

/// nullptr if the text is no valid config.
std::shared_ptr<const Assignments> assignments_in(const std::string& config);

}  // namespace ops::meta
