#pragma once

// Which of two ops-metas leads, and with which generation. Both may have a `standby` in cfg.json that names the other one.
//
//   standby in cfg.json   var/leader.json   at the start this ops-meta
//   ---------------------------------------------------------------------------------------------------------------
//   no                    none              leads without a generation, as if there were no second ops-meta
//   no                    leads             leads with that generation
//   no                    does not lead     leads with a new generation: an operator has removed `standby`
//   yes                   none              stands by
//   yes                   does not lead     stands by
//   yes                   leads             leads, unless the other ops-meta leads with a higher generation
//
//   {"leads": true, "generation": 1447000000, "warmsUp": true}
//
// A generation is the time of a promotion in seconds since 1970, and in any case higher than every generation that this
// ops-meta has seen. So it grows also when an operator restores an old var/. ops-updater obeys no reply of a lower generation
// than an earlier one (heartbeat.h). A damaged file counts as one of an ops-meta that does not lead.

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "meta/config/config.h"

namespace ops::meta {

inline constexpr char kLeaderFile[] = "var/leader.json";

struct Leadership {
  bool leads = false;
  int64_t generation = 0;  // the highest one that this ops-meta had or has seen; 0 for none
  bool warms_up = false;   // the warm-up after the promotion is not over

  bool operator==(const Leadership&) const = default;
};

/// nullopt if there is no file.
std::optional<Leadership> load_leadership(const std::string& path);

/// Replaces the file atomically, with mode 0600.
Result<void> save_leadership(const Leadership& leadership, const std::string& path);

/// The table above. {true, 0} without a second ops-meta. Writes the file if it gives a new generation.
Leadership leadership_at_start(const Config& config);

/// `now`: seconds since 1970.
int64_t next_generation(int64_t seen, int64_t now);

/// The first line of GET /leader at an ops-meta that leads, and the generation in it; nullopt for another text.
std::string leader_line(int64_t generation);
std::optional<int64_t> generation_in(const std::string& leader_line);

}  // namespace ops::meta
