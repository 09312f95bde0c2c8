#include "tests/support/proxy.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "common/base/text.h"
#include "tests/support/http.h"
#include "tests/support/wait.h"

namespace ops::tests {

namespace {

std::string nginx_config(const std::string& folder, int own, int port, int lanes, const std::string& idle,
                         const std::string& fields) {
  std::string text =
      cat(::geteuid() == 0 ? "user root root;\n" : "", "daemon off;\npid ", folder,
          "/pid;\nworker_rlimit_nofile 16384;\nevents { worker_connections 8192; }\nhttp {\n  access_log off;\n");
  for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    text += cat("  ", kind, "_temp_path ", folder, "/", kind, ";\n");
  }
  std::string locations;
  for (int i = 0; i < lanes; ++i) {
    text += cat("  upstream lane", i, " { server 127.0.0.1:", port, "; keepalive 1; ",
                idle.empty() ? "" : cat("keepalive_timeout ", idle, ";"), " }\n");
    locations += cat("    location /", i, "/ { proxy_pass http://lane", i, "/; }\n");
  }
  return cat(text, "  server {\n    listen 127.0.0.1:", own,
             ";\n    proxy_http_version 1.1;\n    proxy_set_header Connection \"\";\n", fields, locations, "  }\n}\n");
}

std::string haproxy_front(int own, const std::string& backend) {
  return cat(
      "global\n  maxconn 8192\ndefaults\n  mode http\n  timeout connect 5000\n  timeout client 50000\n  timeout server 50000\n",
      "frontend front\n  bind 127.0.0.1:", own, "\n  option forwardfor\n",
      "  http-request replace-path /[0-9]+/(.*) /\\1\n  default_backend ", backend, "\n");
}

std::string haproxy_config(int own, int port, const std::string& idle) {
  return cat(haproxy_front(own, "daemon"), "backend daemon\n  server daemon 127.0.0.1:", port,
             idle.empty() ? "" : cat(" pool-purge-delay ", idle), "\n");
}

}  // namespace

Proxy::Proxy(std::string program) : program_(std::move(program)), port_(free_port()) {
  EXPECT_TRUE(exists(program_)) << program_ << " is missing: run ./control test, which downloads it";
}

bool Proxy::start() {
  const std::string at = program_.substr(0, program_.rfind("/usr/sbin/"));
  const std::string libraries = cat("LD_LIBRARY_PATH=", at, "/usr/lib/x86_64-linux-gnu:", at, "/usr/lib/aarch64-linux-gnu");
  std::vector<std::string> command = {"env", libraries, program_};
  command.insert(command.end(), arguments_.begin(), arguments_.end());
  process_ = Process(command, folder_.path(), folder_ / "out");
  return eventually([&] { return get(port_, "/0/health").status == 200 || !process_.is_running(); }) && process_.is_running();
}

Nginx::Nginx(int port, int lanes, const std::string& idle, const std::string& fields)
    : Proxy(cat(OPS_DEPS_DIR, "/nginx/usr/sbin/nginx")) {
  write_file(folder_ / "conf", nginx_config(folder_.path(), port_, port, lanes, idle, fields));
  arguments_ = {"-c", folder_ / "conf", "-p", folder_.path(), "-e", "stderr"};
}

HaProxy::HaProxy(int port, const std::string& idle) : Proxy(cat(OPS_DEPS_DIR, "/haproxy/usr/sbin/haproxy")) {
  write_file(folder_ / "conf", haproxy_config(port_, port, idle));
  arguments_ = {"-db", "-f", folder_ / "conf"};
}

HaProxyWith::HaProxyWith(const std::string& name, const std::string& backend)
    : Proxy(cat(OPS_DEPS_DIR, "/haproxy/usr/sbin/haproxy")) {
  write_file(folder_ / "conf", haproxy_front(port_, name) + backend);
  arguments_ = {"-db", "-f", folder_ / "conf"};
}

}  // namespace ops::tests
