// Parses a heartbeat event by event (SAX). Most of the cost of a heartbeat was to build a JSON document and to destroy it.

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/protocol/heartbeat.h"
#include "common/protocol/status.h"

namespace ops {

namespace {

using Json = nlohmann::json;

/// Receives the parser's events (the SAX interface of nlohmann/json). An event that returns false ends the parse.
class RequestReader {
 public:
  HeartbeatRequest request;
  bool is_within_limits = true;  // kMaxJsonDepth and kMaxJsonValues

  bool null() { return count_value() && (skipped_ > 0 || place_ != Place::outside); }
  bool boolean(bool) { return count_value() && is_ignored(); }
  bool number_float(double, const std::string&) { return count_value() && is_ignored(); }
  bool binary(Json::binary_t&) { return false; }
  bool number_unsigned(uint64_t value) { return number(static_cast<int64_t>(value), value <= INT64_MAX); }
  bool number_integer(int64_t value) { return number(value, true); }

  bool number(int64_t value, bool is_in_range) {
    if (!count_value()) return false;
    if (hint_ != nullptr) *hint_ = value;
    if (number_ == nullptr) return is_ignored();
    *number_ = value;
    return is_in_range;
  }

  bool string(std::string& value) {
    if (!count_value()) return false;
    if (text_hint_ != nullptr) *text_hint_ = value;
    if (text_ == nullptr) return is_ignored();
    *text_ = std::move(value);
    return true;
  }

  bool start_object(size_t) {
    if (!count_value() || !enter()) return false;
    if (place_ == Place::outside) {
      place_ = Place::document;
    } else if (skipped_ == 0 && place_ == Place::agents) {
      request.real_agents.emplace_back();
      place_ = Place::agent;
    } else if (skipped_ == 0 && place_ == Place::updates) {
      request.updates.emplace_back();
      place_ = Place::update;
    } else {
      return skip();
    }
    return true;
  }

  bool start_array(size_t) {
    if (!count_value() || !enter()) return false;
    if (list_ == Place::outside) return skip();
    place_ = list_;
    list_ = Place::outside;
    if (place_ == Place::agents) request.real_agents.clear();
    if (place_ == Place::updates) request.updates.clear();
    return true;
  }

  bool end_object() {
    --depth_;
    expect_nothing();
    if (skipped_ > 0) {
      --skipped_;
    } else if (place_ == Place::agent) {
      place_ = Place::agents;
    } else if (place_ == Place::update) {
      place_ = Place::updates;
    }
    return true;
  }

  bool end_array() {
    --depth_;
    if (skipped_ > 0) {
      --skipped_;
    } else {
      place_ = Place::document;
    }
    return true;
  }

  bool key(const std::string& name) {
    expect_nothing();
    if (skipped_ > 0) return true;
    if (place_ == Place::document) {
      expect_document_field(name);
    } else if (place_ == Place::agent) {
      expect_agent_field(name, request.real_agents.back());
    } else {
      expect_update_field(name, request.updates.back());
    }
    return true;
  }

  bool parse_error(size_t, const std::string&, const Json::exception&) { return false; }

 private:
  enum class Place { outside, document, agents, agent, updates, update };

  bool count_value() {
    if (++values_ > kMaxJsonValues) is_within_limits = false;
    return is_within_limits;
  }

  bool enter() {
    if (++depth_ > kMaxJsonDepth) is_within_limits = false;
    return is_within_limits;
  }

  /// Whether the value belongs to an unknown key. Otherwise it has the wrong type.
  bool is_ignored() const {
    if (skipped_ > 0) return true;
    const bool in_object = place_ == Place::document || place_ == Place::agent || place_ == Place::update;
    return in_object && text_ == nullptr && number_ == nullptr && list_ == Place::outside;
  }

  bool skip() {
    if (!is_ignored()) return false;
    hint_ = nullptr;  // a value within the value is not the key's value
    text_hint_ = nullptr;
    ++skipped_;
    return true;
  }

  void expect_nothing() {
    text_ = nullptr;
    number_ = nullptr;
    hint_ = nullptr;
    text_hint_ = nullptr;
    list_ = Place::outside;
  }

  void expect_document_field(const std::string& name) {
    if (name == "hostname") text_ = &request.hostname;
    if (name == "updaterVersion") text_ = &request.updater_version;
    if (name == "platform") text_ = &request.platform;
    if (name == "hostId") text_ = &request.host_id;
    if (name == "interval") hint_ = &request.interval;
    if (name == "uptime") hint_ = &request.uptime;
    if (name == "generation") hint_ = &request.generation;
    if (name == "realAgents") list_ = Place::agents;
    if (name == "updates") list_ = Place::updates;
  }

  void expect_agent_field(const std::string& name, RealAgent& agent) {
    if (name == "name") text_ = &agent.name;
    if (name == "version") text_ = &agent.version;
    if (name == "status") text_ = &agent.status;
    if (name == "timestamp") number_ = &agent.timestamp;
    if (name == "restarts") hint_ = &agent.restarts;
    if (name == "started") hint_ = &agent.started;
    if (name == "md5") text_hint_ = &agent.md5;
  }

  void expect_update_field(const std::string& name, AgentUpdate& update) {
    if (name == "name") text_ = &update.name;
    if (name == "version") text_ = &update.version;
    if (name == "phase") text_ = &update.phase;
    if (name == "done") number_ = &update.done;
    if (name == "total") number_ = &update.total;
    if (name == "attempts") number_ = &update.attempts;
    if (name == "since") number_ = &update.since;
    if (name == "error") text_ = &update.error;
  }

  Place place_ = Place::outside;
  size_t skipped_ = 0;  // open levels of a value that is ignored
  size_t depth_ = 0;
  size_t values_ = 0;
  // The destination of the last key's value. At most one of them is set:
  std::string* text_ = nullptr;
  int64_t* number_ = nullptr;
  int64_t* hint_ = nullptr;           // of a key whose value may have any type: a value that is no whole number is ignored
  std::string* text_hint_ = nullptr;  // the same for a text
  Place list_ = Place::outside;
};

/// Makes every text safe to print on one line, and drops values out of range.
void clean(HeartbeatRequest& request) {
  if (request.interval < 0 || request.interval > kLongestOwnInterval) request.interval = 0;
  request.uptime = std::max<int64_t>(request.uptime, -1);
  request.generation = std::max<int64_t>(request.generation, 0);
  request.updater_version = one_line(request.updater_version, 64);
  request.platform = one_line(request.platform, 64);
  request.host_id = one_line(request.host_id, 64);
  for (RealAgent& agent : request.real_agents) {
    agent.status = status_line(agent.status);
    agent.restarts = std::max<int64_t>(agent.restarts, 0);
    agent.started = std::max<int64_t>(agent.started, -1);
    agent.md5 = is_hex(agent.md5, 32) ? to_lower(agent.md5) : "";
  }
  for (AgentUpdate& update : request.updates) {
    update.phase = one_line(update.phase, 32);
    update.error = one_line(update.error, kMaxStatusSize);
  }
}

/// Drops the records with an invalid name or version, and appends the reasons to `refused`.
template <typename Record>
void drop_bad_names(std::vector<Record>& records, std::vector<std::string>& refused) {
  std::erase_if(records, [&](const Record& record) {
    std::string reason = refusal_of(record.name, record.version);
    if (reason.empty()) return false;
    refused.push_back(std::move(reason));
    return true;
  });
}

/// Why the request is refused; "" when it is valid.
std::string problem_with(const HeartbeatRequest& request) {
  if (trim(request.hostname).empty()) return "hostname is blank";
  if (!is_valid_hostname(request.hostname)) {
    return cat("hostname \"", one_line(request.hostname, 64), "\" is longer than ", kMaxHostnameSize,
               " bytes, or has white space, control characters or invisible characters");
  }
  const size_t count = std::max(request.real_agents.size(), request.updates.size());
  if (count > kMaxAgentsPerHost) return cat("the heartbeat has ", count, " agents; the limit is ", kMaxAgentsPerHost);
  return {};
}

}  // namespace

Result<HeartbeatRequest> parse_heartbeat_request(std::string_view body) {
  if (trim(body).empty()) return Error{"body is blank"};
  RequestReader reader;
  const bool parsed = Json::sax_parse(body, &reader);
  if (!reader.is_within_limits) {
    return Error{cat("the body has more than ", kMaxJsonValues, " values, or more than ", kMaxJsonDepth, " levels")};
  }
  // A body of null is refused. A null entry of a list is ignored (the Go meta drops the connection).
  if (!parsed) return Error{"body format error"};
  clean(reader.request);
  if (const std::string reason = problem_with(reader.request); !reason.empty()) return Error{reason};
  drop_bad_names(reader.request.real_agents, reader.request.refused);
  drop_bad_names(reader.request.updates, reader.request.refused);
  return std::move(reader.request);
}

std::string hostname_in(std::string_view body) {
  RequestReader reader;
  (void)Json::sax_parse(body, &reader);
  return is_valid_hostname(reader.request.hostname) ? reader.request.hostname : std::string();
}

}  // namespace ops
