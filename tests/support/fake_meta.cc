#include "tests/support/fake_meta.h"

#include <nlohmann/json.hpp>

#include "tests/support/tarball.h"

namespace ops::tests {

using Json = nlohmann::json;

FakeMeta::FakeMeta(FakeServer::Opens opens)
    : server_([this](const FakeRequest& request, const FakePeer& peer) { handle(request, peer); }, opens) {
  assign({});
}

void FakeMeta::handle(const FakeRequest& request, const FakePeer& peer) {
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

void FakeMeta::answer(const std::string& response) {
  const std::lock_guard lock(mutex_);
  answer_ = response;
  stalls_ = false;
}

void FakeMeta::stall() {
  const std::lock_guard lock(mutex_);
  stalls_ = true;
}

std::string FakeMeta::reply_for(const std::vector<TestAgent>& agents) const {
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

void FakeMeta::assign(const std::vector<TestAgent>& agents) { answer(http_reply(200, reply_for(agents))); }

void FakeMeta::serve(const std::string& file, const std::string& response) {
  const std::lock_guard lock(mutex_);
  files_["/t/" + file] = response;
}

void FakeMeta::publish(const std::string& name, const std::string& version, const std::string& tarball) {
  const std::string file = name + "-" + version + ".tar.gz";
  serve(file, http_reply(200, tarball));
  serve(file + ".md5", http_reply(200, md5_hex(tarball) + "  " + file + "\n"));
}

std::string FakeMeta::reported(const std::string& list, const std::string& agent, const std::string& field) const {
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
