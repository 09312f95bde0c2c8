#include "updater/model/poll_text.h"

#include <ctime>

namespace ops::updater {

namespace {

constexpr std::chrono::seconds kMinHintWait{10};
constexpr size_t kMaxText = 300;  // bytes

}  // namespace

std::string next_text(const std::string& asks, Clock::duration left) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(left);
  return cat(asks, " in ", seconds.count(), " s");
}

std::string hint(Clock::duration left) { return left > kMinHintWait ? kAskNow : ""; }

std::string agents_text(const std::vector<DesiredAgent>& agents) {
  if (agents.empty()) return "it names no agent for this host";
  std::string text;
  for (const DesiredAgent& agent : agents) {
    text += cat(text.empty() ? "" : ", ", agent.name, " ", agent.version, agent.cmd.empty() ? "" : " ", agent.cmd);
  }
  return one_line(text, kMaxText);
}

std::string failure_text(const std::string& error, int64_t now, int64_t last_answer) {
  return cat(one_line(error, kMaxText), " (at ", time_text(now), "; ",
             last_answer == 0 ? "no answer since the start" : "the last answer was at " + time_text(last_answer), ")");
}

std::string time_text(int64_t time) {
  const time_t seconds = time;
  tm parts{};
  ::localtime_r(&seconds, &parts);
  char text[32];
  return std::string(text, std::strftime(text, sizeof text, "%F %T", &parts));
}

}  // namespace ops::updater
