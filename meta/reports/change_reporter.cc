#include "meta/reports/change_reporter.h"

#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/number_text.h"

namespace ops::meta {

namespace {

constexpr size_t kMaxSize = 64 << 20;  // bytes
constexpr size_t kMaxAgents = 50;      // events of one reload

/// A config with these agents, as text for parse_config(). Passwords in it are masked.
std::string text_of(const Config& config) {
  std::string agents;
  for (const AgentConfig& agent : config.agents) agents += cat(agents.empty() ? "" : ",\n", to_json(agent));
  return cat(R"({"http": {"enabled": true}, "agents": [)", agents, "]}\n");
}

/// Null if the text is damaged.
std::shared_ptr<const Assignments> assignments_in(const std::string& text) {
  ConfigReport report;
  auto config = std::make_shared<const Config>(parse_config(text, report));
  return report.ok() ? std::make_shared<const Assignments>(std::move(config)) : nullptr;
}

}  // namespace

bool ChangeReporter::keep_in(std::string path, const std::shared_ptr<const Assignments>& in_force, TimePoint now) {
  path_ = std::move(path);
  if (::access(path_.c_str(), F_OK) != 0) {
    save(*in_force->config());
    return false;
  }
  const auto text = read_file(path_, kMaxSize);
  const auto before = text ? assignments_in(*text) : nullptr;
  // Masked like the saved config, so that only real differences count.
  const auto after = assignments_in(text_of(*in_force->config()));
  if (before != nullptr && after != nullptr) {
    note(before, after, now);
    return before->config()->agents != after->config()->agents;
  }
  log::warning(path_, " is damaged: changes of cfg.json since the last run are not known");
  save(*in_force->config());
  return false;
}

void ChangeReporter::note(std::shared_ptr<const Assignments> before, std::shared_ptr<const Assignments> after, TimePoint now,
                          std::string by) {
  {
    const std::lock_guard lock(mutex_);
    if (noted_.size() == kMaxNoted) {
      before = std::move(noted_.back().before);
      noted_.pop_back();
    }
    noted_.push_back({std::move(before), std::move(after), now, std::move(by)});
  }
  if (wake_) wake_();
}

void ChangeReporter::report() {
  for (;;) {
    Noted noted;
    {
      const std::lock_guard lock(mutex_);
      if (noted_.empty()) return;
      noted = std::move(noted_.front());
      noted_.pop_front();
    }
    report(noted);
  }
}

void ChangeReporter::report(const Noted& noted) {
  {
    const std::lock_guard lock(mutex_);
    if (before_notice_ && before_notice_->config()->agents == noted.after->config()->agents) {
      notice_.reset();
      before_notice_.reset();
    }
  }
  if (noted.before->config()->agents == noted.after->config()->agents) {
    if (!noted.by.empty()) note_events(noted, {});
    return;
  }
  ConfigChangeScanner scanner(hosts_, noted.before, noted.after);
  while (scanner.step()) {
  }
  ConfigChange change = scanner.result();
  save(*noted.after->config());
  note_events(noted, change);
  if (!change.is_dangerous()) return;
  std::string effects;
  for (const std::string& line : lines_of(change, true)) effects += cat("; ", line);
  log::warning("the new config affects running agents of ", counted(change.hosts, "host"), effects,
               "; if that is a mistake, restore cfg.json and run ./control reload");
  const std::lock_guard lock(mutex_);
  notice_ = {noted.at, std::move(change)};
  before_notice_ = noted.before;
}

void ChangeReporter::note_events(const Noted& noted, const ConfigChange& change) const {
  if (events_ == nullptr) return;
  const Config& before = *noted.before->config();
  const Config& after = *noted.after->config();
  const auto add = [&](const std::string& agent, const std::string& text) {
    events_->add({EventKind::reload, agent, "", "", noted.by, text, to_wall_seconds(noted.at)});
  };
  std::vector<std::string> changed;
  for (const AgentConfig& agent : after.agents) {
    const AgentConfig* old = find_agent(before, agent.defaults.name);
    if (old == nullptr || *old != agent) changed.push_back(agent.defaults.name);
  }
  for (const AgentConfig& agent : before.agents) {
    if (find_agent(after, agent.defaults.name) == nullptr) changed.push_back(agent.defaults.name);
  }
  if (changed.empty()) return add("", "cfg.json is reloaded: no agent's entry has changed");
  for (size_t i = 0; i < std::min(changed.size(), kMaxAgents); ++i) {
    std::string text;
    for (const std::string& line : lines_of(change.of_agent(changed[i]))) text += cat(text.empty() ? "" : "; ", line);
    if (text.empty()) {
      const char* state = " has another entry";
      if (find_agent(before, changed[i]) == nullptr) state = " is new";
      if (find_agent(after, changed[i]) == nullptr) state = " is no longer";
      text = cat(changed[i], state, " in cfg.json; no known host changes");
    }
    add(changed[i], text);
  }
  if (changed.size() > kMaxAgents) add("", cat("cfg.json changes ", changed.size() - kMaxAgents, " more agents"));
}

std::optional<ChangeNotice> ChangeReporter::recent(TimePoint now) const {
  const std::lock_guard lock(mutex_);
  if (!notice_ || now >= notice_->at + kShown) return std::nullopt;
  return notice_;
}

void ChangeReporter::save(const Config& config) const {
  if (path_.empty()) return;
  if (auto saved = replace_file(path_, text_of(config), 0600); !saved) log::warning(saved.error().message);
}

}  // namespace ops::meta
