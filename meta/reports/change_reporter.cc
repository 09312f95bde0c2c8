#include "meta/reports/change_reporter.h"

#include <unistd.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/number_text.h"

namespace ops::meta {

namespace {

constexpr size_t kMaxSize = 64 << 20;  // bytes

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

void ChangeReporter::keep_in(std::string path, const std::shared_ptr<const Assignments>& in_force, TimePoint now) {
  path_ = std::move(path);
  if (::access(path_.c_str(), F_OK) != 0) return save(*in_force->config());
  const auto text = read_file(path_, kMaxSize);
  const auto before = text ? assignments_in(*text) : nullptr;
  // Masked like the saved config, so that only real differences count.
  const auto after = assignments_in(text_of(*in_force->config()));
  if (before != nullptr && after != nullptr) return note(before, after, now);
  log::warning(path_, " is damaged: changes of cfg.json since the last run are not known");
  save(*in_force->config());
}

void ChangeReporter::note(std::shared_ptr<const Assignments> before, std::shared_ptr<const Assignments> after, TimePoint now) {
  {
    const std::lock_guard lock(mutex_);
    if (noted_.size() == kMaxNoted) {
      before = std::move(noted_.back().before);
      noted_.pop_back();
    }
    noted_.push_back({std::move(before), std::move(after), now});
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
  if (noted.before->config()->agents == noted.after->config()->agents) return;
  ConfigChangeScanner scanner(hosts_, noted.before, noted.after);
  while (scanner.step()) {
  }
  ConfigChange change = scanner.result();
  save(*noted.after->config());
  if (!change.is_dangerous()) return;
  std::string effects;
  for (const std::string& line : lines_of(change, true)) effects += cat("; ", line);
  log::warning("the new config affects running agents of ", counted(change.hosts, "host"), effects,
               "; if that is a mistake, restore cfg.json and run ./control reload");
  const std::lock_guard lock(mutex_);
  notice_ = {noted.at, std::move(change)};
  before_notice_ = noted.before;
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
