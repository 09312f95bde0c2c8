#include "tests/support/go_updater.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/http.h"
#include "tests/support/process.h"
#include "tests/support/tarball.h"
#include "tests/support/temp_dir.h"
#include "tests/support/text.h"

namespace ops::tests {

namespace {

std::string tarball_name(const std::string& name, const std::string& version) { return name + "-" + version + ".tar.gz"; }

/// Downloads as wget does. The URL's host must be 127.0.0.1.
std::string download(const std::string& url) {
  const size_t port = url.find("127.0.0.1:") + 10;
  const size_t path = url.find('/', port);
  const HttpReply reply = get(std::stoi(url.substr(port, path - port)), url.substr(path));
  EXPECT_EQ(reply.status, 200) << url;
  return reply.body;
}

}  // namespace

std::string GoUpdater::heartbeat(int meta_port) const {
  std::string agents;
  for (const std::string& name : list(folder_)) {
    const std::string version = trimmed(read_file(folder_ + "/" + name + "/.version"));
    if (version.empty() || !exists(folder_ + "/" + name + "/" + version + "/control")) continue;
    agents += std::string(agents.empty() ? "" : ",") + R"({"name":")" + name + R"(","version":")" + version +
              R"(","status":")" + control(name, version, "status") + R"(","timestamp":1447000000})";
  }
  const std::string body = R"({"hostname":")" + hostname_ + R"(","realAgents":[)" + agents + "]}";
  const RawConnection connection(meta_port);
  connection.send("POST /heartbeat HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(meta_port) +
                  "\r\nUser-Agent: beegoServer\r\nContent-Length: " + std::to_string(body.size()) +
                  "\r\nAccept-Encoding: gzip\r\n\r\n" + body);
  std::string bytes = connection.read_until("\r\n\r\n");
  const auto length = static_cast<size_t>(std::stoul("0" + parse_reply(bytes).header("Content-Length")));
  const size_t whole = bytes.find("\r\n\r\n") + 4 + length;
  while (bytes.size() < whole) {
    const std::string more = connection.read_some();
    if (more.empty()) break;
    bytes += more;
  }
  return parse_reply(bytes).body;
}

std::string GoUpdater::round(int meta_port) const {
  std::string reply = heartbeat(meta_port);
  obey(reply);
  return reply;
}

void GoUpdater::obey(const std::string& reply) const {
  const auto json = nlohmann::json::parse(reply, nullptr, false);
  ASSERT_TRUE(json.is_object()) << reply;
  ASSERT_EQ(json.value("errorMessage", "none"), "") << reply;
  for (const auto& agent : json.at("desiredAgents")) {
    const std::string name = agent.at("name"), version = agent.at("version");
    if (agent.at("cmd") == "start") start(name, version, agent.at("tarball"));
    if (agent.at("cmd") == "stop" && exists(folder_ + "/" + name + "/" + version + "/control")) control(name, version, "stop");
  }
}

void GoUpdater::start(const std::string& name, const std::string& version, const std::string& base_url) const {
  const std::string file = tarball_name(name, version);
  const std::string path = folder_ + "/" + name + "/" + version + "/" + file;
  const bool is_ready = exists(path) && exists(path + ".md5") && exists(folder_ + "/" + name + "/" + version + "/control");
  untar(name, version, is_ready ? read_file(path) : download(base_url + "/" + file));
  const std::string before = trimmed(read_file(folder_ + "/" + name + "/.version"));
  if (!before.empty() && before != version && control(name, before, "status").find("stoped") == std::string::npos) {
    control(name, before, "stop");
  }
  if (control(name, version, "status").find("started") == std::string::npos) control(name, version, "start");
  write_version(name, version);
}

void GoUpdater::untar(const std::string& name, const std::string& version, const std::string& tarball) const {
  const std::string folder = folder_ + "/" + name + "/" + version;
  const std::string file = tarball_name(name, version);
  write_file(folder + "/" + file, tarball);
  write_file(folder + "/" + file + ".md5", md5_hex(tarball) + "  " + file + "\n");
  EXPECT_EQ(run({"md5sum", "-c", file + ".md5"}, folder).exit_code, 0);
  EXPECT_EQ(run({"tar", "zxf", file}, folder).exit_code, 0);
}

void GoUpdater::write_version(const std::string& name, const std::string& version) const {
  write_file(folder_ + "/" + name + "/.version", version);
}

std::string GoUpdater::control(const std::string& name, const std::string& version, const std::string& verb) const {
  return trimmed(run({"./control", verb}, folder_ + "/" + name + "/" + version).output);
}

}  // namespace ops::tests
