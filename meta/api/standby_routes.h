#pragma once

// The HTTP API of an ops-meta that stands by. Its config is as at the start: a change takes a restart.
//
//   POST /heartbeat             503 with a Retry-After and "stands by; URL leads". When the leader has been silent for 30 s, a
//                               frozen_reply(): no host changes, and each stays supervised
//   GET /leader                 503 and a line. Needs no token
//   /health, /version, /workdir, /metrics    of this ops-meta
//   /status/*, /explain/*, /events, /history, /       307 to the same path of the leader
//   POST /plan, /rollout/*, GET /config/reload    refused, with the name of the leader
//   GET /standby/role           "stands by m1:2000, 1 s behind", for ./control status
//   POST /standby/step-down     leader_line() of the highest generation that this ops-meta knows; it changes nothing
//   POST /standby/promote       ?force=1&old=1: begins a promotion (follower.h); only over ops-meta's own socket
//   GET /standby/promotion      202 under way, 200 done, 409 and the reason
//   any other path              a file below its own tarballDir

#include "common/http/message.h"
#include "meta/api/concurrency_limit.h"
#include "meta/config/config.h"
#include "meta/standby/follower.h"

namespace ops::meta {

/// Synchronises itself. Borrows the follower.
class StandbyRoutes {
 public:
  StandbyRoutes(Config config, Follower& follower) : config_(std::move(config)), follower_(follower) {}

  HttpResponse handle(const HttpRequest& request);

 private:
  HttpResponse heartbeat(const HttpRequest& request);
  HttpResponse of_pair(const HttpRequest& request, bool may_operate);
  HttpResponse promotion() const;
  HttpResponse file(const HttpRequest& request);
  std::string stands_by() const;

  const Config config_;
  Follower& follower_;
  ConcurrencyLimit downloads_;
};

}  // namespace ops::meta
