#include "tests/support/hell_meta.h"

#include <nlohmann/json.hpp>

#include "tests/support/tarball.h"

namespace ops::tests {

using Json = nlohmann::json;

HellMeta::HellMeta(HellServer::Opens opens)
    : server_([this](const HellRequest& request, const HellPeer& peer) { handle(request, peer); }, opens) {
  desire({});
}

void HellMeta::handle(const HellRequest& request, const HellPeer& peer) {
  std::string response = http_reply(404, "not here");
  bool stalls = false;
  {
    const std::lock_guard lock(mutex_);
    if (request.target == "/heartbeat") {
      last_heartbeat_ = request.body;
      response = answer_;
      stalls = stalls_;
    } else if (const auto found = files_.find(request.target); found != files_.end()) {
      response = found->second;
    }
  }
  if (stalls) peer.stall();
  peer.send(response);
}

void HellMeta::answer(const std::string& response) {
  const std::lock_guard lock(mutex_);
  answer_ = response;
  stalls_ = false;
}

void HellMeta::stall() {
  const std::lock_guard lock(mutex_);
  stalls_ = true;
}

std::string HellMeta::reply_for(const std::vector<TestAgent>& agents) const {
  Json list = Json::array();
  for (const TestAgent& agent : agents) {
    list.push_back({{"name", agent.name},
                    {"version", agent.version},
                    {"tarball", agent.tarball.empty() ? url("/t") : agent.tarball},
                    {"md5", agent.md5},
                    {"cmd", agent.cmd}});
  }
  return Json{{"errorMessage", ""}, {"desiredAgents", list}}.dump();
}

void HellMeta::desire(const std::vector<TestAgent>& agents) { answer(http_reply(200, reply_for(agents))); }

void HellMeta::serve(const std::string& file, const std::string& response) {
  const std::lock_guard lock(mutex_);
  files_["/t/" + file] = response;
}

void HellMeta::publish(const std::string& name, const std::string& version, const std::string& tarball) {
  const std::string file = name + "-" + version + ".tar.gz";
  serve(file, http_reply(200, tarball));
  serve(file + ".md5", http_reply(200, md5_hex(tarball) + "  " + file + "\n"));
}

std::string HellMeta::said(const std::string& list, const std::string& agent, const std::string& field) const {
  std::string text;
  {
    const std::lock_guard lock(mutex_);
    text = last_heartbeat_;
  }
  const Json heartbeat = Json::parse(text, nullptr, false);
  if (!heartbeat.is_object() || !heartbeat.contains(list)) return {};
  for (const Json& entry : heartbeat[list]) {
    if (entry.value("name", "") == agent) return entry.value(field, "");
  }
  return {};
}

}  // namespace ops::tests
