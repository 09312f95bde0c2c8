#include "tests/bench/servers.h"

#include <unistd.h>

#include "common/base/text.h"
#include "tests/support/http.h"
#include "tests/support/wait.h"

namespace ops::bench {

namespace {

using namespace ops::tests;

std::string meta_config(int port, const std::string& http) {
  const fleet::HostsOptions hosts;
  std::string agents;
  for (size_t i = 0; i < hosts.agents.size(); ++i) {
    const std::string& name = hosts.agents[i];
    agents += cat(i == 0 ? "" : ", ", R"({"default": {"name": ")", name, R"(", "version": ")", hosts.versions[i],
                  R"(", "tarball": "http://10.0.0.1:2000/)", name, R"(", "md5": "", "cmd": "start"}})");
  }
  return cat(R"({"debug": false, "tarballDir": "./tarball", "http": {"listen": "127.0.0.1:)", port, "\"", http,
             R"(}, "agents": [)", agents, "]}\n");
}

// keepalive_requests: the default closes a kept connection after 1,000 requests. The default temporary folders need root.
std::string nginx_config(const std::string& folder, int port, const std::string& body) {
  std::string temporary;
  for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    temporary += cat("  ", kind, "_temp_path ", folder, "/", kind, ";\n");
  }
  return cat(::geteuid() == 0 ? "user root root;\n" : "", "worker_processes 1;\nworker_rlimit_nofile 20000;\ndaemon off;\npid ",
             folder, "/pid;\nerror_log ", folder,
             "/error.log;\nevents { worker_connections 16000; }\nhttp {\n  access_log off;\n", temporary,
             "  sendfile on;\n  keepalive_requests 1000000000;\n  server {\n    listen 127.0.0.1:", port,
             " backlog=4096;\n    default_type \"application/json; charset=UTF-8\";\n    location = /big { root ", folder,
             "; }\n    location / { return 200 '", body, "'; }\n  }\n}\n");
}

}  // namespace

Meta::Meta(std::string http) : Box("ops-meta"), http_(std::move(http)) {
  write_file(*this / "tarball/big", std::string(kTarballSize, 'x'));
}

bool Meta::start() {
  write_file(*this / "cfg.json", meta_config(port_, http_));
  if (!Box::start()) return false;
  if (port_ == 0) port_ = Box::port();
  return true;
}

fleet::Target Meta::target() const { return *fleet::parse_target(cat("127.0.0.1:", port_)); }

Nginx::Nginx(const std::string& binary, const std::string& body, const std::string& big_file)
    : binary_(binary), port_(free_port()) {
  write_file(folder_ / "nginx.conf", nginx_config(folder_.path(), port_, body));
  if (::link(big_file.c_str(), (folder_ / "big").c_str()) != 0) write_file(folder_ / "big", read_file(big_file));
}

Nginx::~Nginx() { process_.stop(); }

bool Nginx::start() {
  process_ = Process({binary_, "-c", folder_ / "nginx.conf", "-p", folder_.path(), "-e", folder_ / "error.log"}, folder_.path(),
                     folder_ / "out");
  return eventually([&] { return get(port_, "/").status == 200 || !process_.is_running(); }) && process_.is_running();
}

std::string Nginx::log() const { return read_file(folder_ / "error.log") + read_file(folder_ / "out"); }

fleet::Target Nginx::target() const { return *fleet::parse_target(cat("127.0.0.1:", port_)); }

}  // namespace ops::bench
