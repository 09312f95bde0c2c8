#include "tests/support/boxes.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "tests/support/promtool.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"
#include "updater/process/processes.h"

namespace ops::tests {

namespace fs = std::filesystem;

Box::Box(const std::string& binary) : binary_(binary) {
  const std::string from = std::string(OPS_BUILD_DIR) + "/" + binary;
  fs::copy_file(from, folder_ / binary);
}

bool Box::start() { return start_under({}); }

bool Box::start_under(const std::vector<std::string>& wrapper) {
  std::vector<std::string> command = wrapper;
  for (const std::string& word :
       {folder_ / binary_, std::string("-c"), folder_ / "cfg.json", std::string("-l"), folder_ / "var/app.log"}) {
    command.push_back(word);
  }
  fs::create_directories(folder_ / "var");
  write_file(folder_ / "var/app.pid", "");
  process_ = Process(command, folder(), folder_ / "out");
  return eventually([&] { return daemon_pid() > 0 || !process_.is_running(); }) && daemon_pid() > 0;
}

pid_t Box::daemon_pid() const {
  const std::string text = trimmed(read_file(folder_ / "var/app.pid"));
  return text.empty() ? -1 : std::stoi(text);
}

int Box::port() const {
  const std::string text = log();
  const std::string before = ", port ";
  const size_t at = text.rfind(before);
  return at == std::string::npos ? 0 : std::stoi(text.substr(at + before.size()));
}

void Box::add_control() const {
  fs::copy_file(std::string(OPS_SOURCE_DIR) + "/control", folder_ / "control");
  const std::string verbs = binary_ == "ops-meta" ? "/meta/verbs.sh" : "/updater/verbs.sh";
  fs::copy_file(OPS_SOURCE_DIR + verbs, folder_ / "verbs.sh");
}

Finished Box::run_control(const std::vector<std::string>& words) const {
  std::vector<std::string> command = {"./control"};
  command.insert(command.end(), words.begin(), words.end());
  return run(command, folder());
}

MetaBox::MetaBox() : Box("ops-meta") {}

void MetaBox::publish(const std::string& name, const std::string& version, const std::string& tarball) const {
  const std::string file = name + "-" + version + ".tar.gz";
  write_file(folder() + "/tarball/" + name + "/" + file, tarball);
  write_file(folder() + "/tarball/" + name + "/" + file + ".md5", md5_hex(tarball) + "  " + file + "\n");
}

void MetaBox::write_config(const std::vector<TestAgent>& agents) const {
  std::ostringstream config;
  config << "{\"debug\": true, \"tarballDir\": \"./tarball\", \"http\": {\"listen\": \"127.0.0.1:" << port_ << "\"" << http_
         << "}, \"agents\": [";
  for (size_t i = 0; i < agents.size(); ++i) {
    const TestAgent& agent = agents[i];
    const std::string given = agent.tarball.empty() ? url("/" + agent.name) : agent.tarball;
    const std::string tarball = given.starts_with('[') ? given : "\"" + given + "\"";
    config << (i == 0 ? "" : ", ") << "{\"default\": {\"name\": \"" << agent.name << "\", \"version\": \"" << agent.version
           << "\", \"tarball\": " << tarball << ", \"md5\": \"" << agent.md5 << "\", \"cmd\": \"" << agent.cmd << "\""
           << agent.defaults << "}" << agent.more << "}";
  }
  config << "]" << more_ << "}\n";
  write_file(folder() + "/cfg.json", config.str());
}

bool MetaBox::start(const std::vector<TestAgent>& agents) {
  write_config(agents);
  if (!Box::start()) return false;
  if (port_ != 0) return true;
  // The tarball URLs contain the port, which is known only now.
  port_ = Box::port();
  return assign(agents);
}

bool MetaBox::assign(const std::vector<TestAgent>& agents) {
  write_config(agents);
  return get_as_owner("/config/reload").body.find("\"msg\":\"success\"") != std::string::npos;
}

void MetaBox::set_tls(const Issued& own, const std::string& client_ca) {
  scheme_ = "https";
  http_ = R"(, "tls": {"cert": ")" + own.cert + R"(", "key": ")" + own.key + R"(", "clientCa": ")" + client_ca + "\"}";
}

HttpReply MetaBox::get_as_owner(const std::string& target) const {
  const RawConnection connection(folder() + "/var/app.sock");
  connection.send("GET " + target + " HTTP/1.1\r\nHost: meta\r\nConnection: close\r\n\r\n");
  return parse_reply(connection.read_all());
}

bool MetaBox::receives_heartbeats(int count) const {
  const auto total = [this] { return sample(get("/metrics").body, "ops_meta_heartbeats_total"); };
  const double before = total();
  return eventually([&] { return total() >= before + count; });
}

UpdaterBox::UpdaterBox(const std::string& server, const UpdaterSettings& settings) : Box("ops-updater") {
  std::ostringstream config;
  config << "{\"debug\": true, \"hostname\": \"" << settings.hostname << "\", \"server\": \"" << server
         << "\", \"interval\": " << settings.interval << ", \"probation\": " << settings.probation
         << ", \"controlTimeout\": " << settings.control_timeout << ", \"startTimeout\": " << settings.settle_timeout
         << ", \"stopTimeout\": " << settings.settle_timeout << ", \"http\": {\"listen\": \"127.0.0.1:0\"}" << settings.more
         << "}\n";
  write_file(folder() + "/cfg.json", config.str());
}

UpdaterBox::~UpdaterBox() {
  process().kill();
  for (const std::string& name : list(folder())) {
    for (const std::string& version : list(agent(name))) {
      // Not those in .failed-VERSION. A faulty one may print without end: it gets at most 64 MB of disk space.
      const std::string folder = agent(name) + "/" + version;
      if (version[0] == '.' || !exists(folder + "/control")) continue;
      run({"sh", "-c", "ulimit -f 131072; cd \"$1\" && exec ./control stop", "sh", folder}, "", std::chrono::seconds(30));
    }
  }
  // An agent's stop may leave processes. The kill above leaves control scripts that the updater waited for.
  updater::end_processes_in(folder(), {});
  EXPECT_EQ(updater::processes_in(folder()), std::vector<pid_t>()) << "processes outlive the test";
}

std::string UpdaterBox::version(const std::string& name) const { return trimmed(read_file(agent(name) + "/.version")); }

std::string UpdaterBox::control(const std::string& name, const std::string& version, const std::string& verb) const {
  // A shell enters the folder, because the updater may remove it at any time.
  const std::string folder = agent(name) + "/" + version;
  return trimmed(
      run({"sh", "-c", "cd \"$1\" && exec ./control \"$2\"", "sh", folder, verb}, "", std::chrono::seconds(30)).output);
}

pid_t UpdaterBox::agent_pid(const std::string& name, const std::string& version) const {
  const std::string text = control(name, version, "pid");
  return text.empty() || text.find_first_not_of("0123456789") != std::string::npos ? -1 : std::stoi(text);
}

std::vector<std::string> UpdaterBox::running(const std::string& name) const {
  std::vector<std::string> versions;
  for (const std::string& entry : list(agent(name))) {
    if (entry[0] == '.' || !exists(agent(name) + "/" + entry + "/control")) continue;
    if (control(name, entry, "status") == "started") versions.push_back(entry);
  }
  return versions;
}

}  // namespace ops::tests
