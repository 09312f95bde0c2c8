#include "tests/fleet/options.h"

#include <charconv>
#include <map>

namespace ops::fleet {

namespace {

constexpr char kUsage[] = R"(usage: fleet --meta HOST:PORT [OPTION...]
Simulates updaters that send heartbeats to ops-meta, and prints a report of the run. Defaults are in parentheses; S is in seconds.

  --hosts N            number of hosts (1000)
  --agents K           agents per host, at most 3 (3)
  --versions A,B,C     versions that run at first (5.1.2,1.4.0,2.0.7)
  --fresh              no agent is installed at first
  --duration S         length of the run (60)
  --until-all-in       end the run as soon as each host has had a good reply
Times of the heartbeats:
  --interval S         interval of each host, x (0.9 ... 1.1); the first heartbeat comes at a random time within it (300)
  --storm              all hosts boot at once: they send their first heartbeats within --spread S (10)
  --rate R             send R heartbeats per second instead
  --max-rate           send heartbeats without a pause instead, on --connections C at once (64)
Connections:
  --keep               the hosts share C kept connections; otherwise each heartbeat has a new connection
  --max-open N         connections at once; further heartbeats wait (15000)
  --tls                TLS with resumed sessions; --full-handshakes: TLS without. All certificates are accepted
  --timeout S          time limit for the connection and the reply (20)
  --unwell PERCENT     agents whose status is never "started" (1)
  --go PERCENT         hosts with a Go updater, which keeps its connection for --hold S (60) after the reply
Updates, when ops-meta assigns another version:
  --update-time S      time until the version is installed (20)
  --probation S        time from then to the end of the probation (30)
  --fail PERCENT       hosts on which the update fails
  --silent PERCENT     hosts that fall silent during the update
Measurement:
  --meta-pid PID       measure the CPU and memory of this process; or --meta-dir FOLDER, which holds var/app.pid
  --json FILE          write the report as JSON

Instead of updaters:
  --stall MODE --clients N    slow clients: connect, headers, body, reader or keep. They connect again --pause S (0) after
                              ops-meta has closed their connection. The reader requests --path P (/status/text/falcon-agent)
  --get PATH --clients N      clients that download PATH again and again, --count N times in all; --lines counts lines
)";

/// The values by option; "" for an option without a value.
using Words = std::map<std::string, std::string>;

/// All options, and whether they take a value.
const std::map<std::string, bool>& known_options() {
  static const std::map<std::string, bool> kKnown{
      {"meta", true},      {"hosts", true},    {"agents", true},        {"versions", true},  {"fresh", false},
      {"duration", true},  {"interval", true}, {"storm", false},        {"spread", true},    {"rate", true},
      {"max-rate", false}, {"keep", false},    {"connections", true},   {"max-open", true},  {"timeout", true},
      {"go", true},        {"hold", true},     {"update-time", true},   {"probation", true}, {"fail", true},
      {"silent", true},    {"meta-pid", true}, {"meta-dir", true},      {"json", true},      {"stall", true},
      {"clients", true},   {"pause", true},    {"path", true},          {"get", true},       {"count", true},
      {"lines", false},    {"unwell", true},   {"until-all-in", false}, {"tls", false},      {"full-handshakes", false}};
  return kKnown;
}

Result<Words> split(const std::vector<std::string>& words) {
  Words options;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string name = words[i].starts_with("--") ? words[i].substr(2) : "";
    const auto known = known_options().find(name);
    if (known == known_options().end()) return Error{cat("unknown option ", words[i])};
    if (!known->second) {
      options[name] = "";
    } else if (++i < words.size()) {
      options[name] = words[i];
    } else {
      return Error{cat("--", name, " needs a value")};
    }
  }
  return options;
}

std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> parts{""};
  for (const char c : text) {
    if (c == ',') {
      parts.emplace_back();
    } else {
      parts.back().push_back(c);
    }
  }
  return parts;
}

/// Reads options into variables, and keeps the last error.
class Reader {
 public:
  explicit Reader(const Words& words) : words_(words) {}

  bool has(const std::string& name) const { return words_.contains(name); }
  const std::string& text(const std::string& name) const { return words_.at(name); }
  const std::string& error() const { return error_; }
  void refuse(const std::string& why) { error_ = why; }

  template <typename Number>
  void number(const std::string& name, Number& variable) {
    if (!has(name)) return;
    const std::string& text = words_.at(name);
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 0) {
      error_ = cat("--", name, ": \"", text, "\" is not a number");
    }
    variable = static_cast<Number>(value);
  }

 private:
  const Words& words_;
  std::string error_;
};

pid_t server_pid(Reader& read) {
  pid_t pid = 0;
  read.number("meta-pid", pid);
  if (!read.has("meta-dir")) return pid;
  pid = pid_in(read.text("meta-dir"));
  if (pid == 0) read.refuse(cat("--meta-dir: no ops-meta runs in ", read.text("meta-dir")));
  return pid;
}

FleetOptions read_fleet(Reader& read) {
  FleetOptions options;
  read.number("hosts", options.hosts.hosts);
  size_t agents = options.hosts.agents.size();
  read.number("agents", agents);
  if (agents < options.hosts.agents.size()) options.hosts.agents.resize(agents);
  if (read.has("versions")) options.hosts.versions = split_at_commas(read.text("versions"));
  options.hosts.fresh = read.has("fresh");
  read.number("unwell", options.hosts.unwell);
  read.number("go", options.hosts.go);
  read.number("fail", options.hosts.fail.front());
  read.number("silent", options.hosts.silent.front());
  read.number("update-time", options.hosts.update_time);
  read.number("probation", options.hosts.probation);
  if (read.has("rate")) options.pacing = Pacing::rate;
  if (read.has("max-rate")) options.pacing = Pacing::flat_out;
  read.number("rate", options.rate);
  read.number("interval", options.interval);
  if (read.has("storm")) options.spread = 10;
  read.number("spread", options.spread);
  read.number("duration", options.duration);
  options.until_all_in = read.has("until-all-in");
  options.keep = read.has("keep");
  if (read.has("tls")) options.tls = Tls::resumed;
  if (read.has("full-handshakes")) options.tls = Tls::full;
  read.number("connections", options.connections);
  read.number("max-open", options.max_open);
  read.number("timeout", options.timeout);
  read.number("hold", options.hold);
  options.server_pid = server_pid(read);
  return options;
}

SlowClientOptions read_slow_clients(Reader& read, SlowMode mode) {
  SlowClientOptions options;
  options.mode = mode;
  read.number("clients", options.clients);
  read.number("pause", options.pause);
  read.number("duration", options.duration);
  if (read.has("path")) options.path = read.text("path");
  return options;
}

DownloadOptions read_download(Reader& read) {
  DownloadOptions options;
  options.path = read.text("get");
  read.number("clients", options.clients);
  read.number("duration", options.duration);
  read.number("count", options.count);
  options.count_lines = read.has("lines");
  options.server_pid = server_pid(read);
  return options;
}

}  // namespace

Result<CommandLine> parse_command_line(const std::vector<std::string>& words) {
  const auto options = split(words);
  if (!options) return options.error();
  Reader read(*options);
  if (!read.has("meta")) return Error{"--meta HOST:PORT is missing"};
  const auto target = parse_target(read.text("meta"));
  if (!target) return target.error();
  CommandLine line;
  if (read.has("stall")) {
    const auto mode = parse_slow_mode(read.text("stall"));
    if (!mode) return Error{cat("--stall: unknown mode ", read.text("stall"))};
    line.run = read_slow_clients(read, *mode);
  } else if (read.has("get")) {
    line.run = read_download(read);
  } else {
    line.run = read_fleet(read);
    if (std::get<FleetOptions>(line.run).hosts.hosts == 0) return Error{"--hosts must be at least 1"};
  }
  if (!read.error().empty()) return Error{read.error()};
  std::visit([&](auto& run) { run.target = *target; }, line.run);
  if (read.has("json")) line.json_file = read.text("json");
  return line;
}

std::string usage_text() { return kUsage; }

}  // namespace ops::fleet
