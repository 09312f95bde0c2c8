#include "meta/reports/config_change.h"

#include "tests/meta/reports/fleet_fixture.h"

namespace ops::tests {
namespace {

using meta::ConfigChange;
using meta::Effect;
using meta::Verdict;
using Assigned = std::shared_ptr<const meta::Assignments>;

struct ConfigChangeTest : FleetTest {
  static DesiredAgent agent(const std::string& name, const std::string& version, const std::string& cmd = "start",
                            const std::string& md5 = "", const std::string& tarball = "http://m/a") {
    return {name, version, tarball, md5, cmd};
  }
  static Assigned assigned(const std::vector<DesiredAgent>& agents) {
    meta::Config config;
    for (const DesiredAgent& agent : agents) config.agents.push_back({agent, {}, {}});
    return std::make_shared<const meta::Assignments>(std::make_shared<const meta::Config>(std::move(config)));
  }
  ConfigChange change(const Assigned& before, const Assigned& after) const {
    meta::ConfigChangeScanner scanner(hosts, before, after);
    while (scanner.step()) {
    }
    return scanner.result();
  }
  std::vector<std::string> lines(const Assigned& before, const Assigned& after) const {
    return lines_of(change(before, after));
  }
};

using Lines = std::vector<std::string>;
constexpr char kSum[] = "0123456789abcdef0123456789abcdef";
constexpr char kOtherSum[] = "fedcba9876543210fedcba9876543210";

TEST_F(ConfigChangeTest, NamesEachEffect) {
  runs("h1", "1.1");
  const Assigned before = assigned({agent("a", "1.1")});
  EXPECT_EQ(lines(before, before), Lines{});
  EXPECT_EQ(lines(before, assigned({agent("a", "1.1", "stop")})), Lines{"a stops on 1 host, like h1"});
  EXPECT_EQ(lines(before, assigned({})),
            Lines{"a is no longer in the config: 1 host keeps running it, but ops-updater does not manage it, like h1"});
  EXPECT_EQ(lines(before, assigned({agent("a", "1.1", "")})),
            Lines{"a has an empty cmd: 1 host keeps running it, but ops-updater does not manage it, like h1"});
  EXPECT_EQ(lines(before, assigned({agent("a", "1.0")})), Lines{"a goes back from 1.1 to 1.0 on 1 host, like h1"});
  EXPECT_EQ(lines(before, assigned({agent("a", "1.2")})), Lines{"a changes from 1.1 to 1.2 on 1 host, like h1"});
  EXPECT_EQ(lines(before, assigned({agent("a", "1.1", "start", kSum)})),
            Lines{"a 1.1 is replaced by other content (md5) on 1 host, like h1"});
  EXPECT_EQ(lines(assigned({agent("a", "1.1", "start", kSum)}), assigned({agent("a", "1.1", "start", kOtherSum)})),
            Lines{"a 1.1 is replaced by other content (md5) on 1 host, like h1"});
  EXPECT_EQ(lines(before, assigned({agent("a", "1.1", "start", "http://m/sums")})),
            Lines{"a 1.1 gets another tarball or md5 URL for 1 host, like h1"});
  EXPECT_EQ(lines(before, assigned({agent("a", "1.1", "start", "", "http://m/b")})),
            Lines{"a 1.1 gets another tarball or md5 URL for 1 host, like h1"});
  EXPECT_EQ(lines(assigned({agent("a", "1.1", "stop")}), before), Lines{"a 1.1 is started again on 1 host, like h1"});
  EXPECT_EQ(lines(before, assigned({agent("a", "1.1"), agent("b", "2")})), Lines{"b 2 is installed on 1 host, like h1"});
}

TEST_F(ConfigChangeTest, LeavesOutWhatTheConfigInForceWantsToo) {
  runs("h1", "1.0");
  EXPECT_EQ(lines(assigned({agent("a", "1.1")}), assigned({agent("a", "1.1", "start", kSum)})), Lines{})
      << "the host changes to 1.1 anyway";
  EXPECT_EQ(lines(assigned({agent("a", "1.0", "stop")}), assigned({agent("a", "1.0", "stop")})), Lines{});
  EXPECT_EQ(lines(assigned({agent("a", "1.0", "stop")}), assigned({})), Lines{}) << "a stopped agent is not lost";
}

TEST_F(ConfigChangeTest, CountsAHostOnce) {
  const std::vector<RealAgent> both{{"a", "2", "started", 0}, {"b", "2", "started", 0}};
  for (const char* host : {"h1", "h2", "h3"}) EXPECT_TRUE(hosts.record({host, both, {}, "1.0.0", "linux_amd64"}, now));
  const ConfigChange found =
      change(assigned({agent("a", "2"), agent("b", "2")}), assigned({agent("a", "2", "stop"), agent("b", "1")}));
  EXPECT_EQ(found.hosts, 3u);
  EXPECT_EQ(found.of(Effect::stop), 3u);
  EXPECT_EQ(found.of(Effect::older), 3u);
  EXPECT_EQ(found.losing, 3u);
  EXPECT_EQ(found.touched, 3u);
}

TEST_F(ConfigChangeTest, AgentsThatDoNotRunAreNotStopped) {
  EXPECT_TRUE(hosts.record({"h1", {{"a", "1", "stoped", 0}}, {}, "1.0.0", "linux_amd64"}, now));
  EXPECT_EQ(lines(assigned({agent("a", "1")}), assigned({agent("a", "1", "stop")})), Lines{});
  EXPECT_EQ(lines(assigned({agent("a", "1")}), assigned({})), Lines{});
}

TEST(ConfigChangeVerdict, RefusesALossOnMoreThanTenHostsAndTenPercent) {
  struct Case {
    uint32_t hosts, losing, touched;
    Verdict verdict;
  };
  for (const auto& [hosts, losing, touched, verdict] : {Case{0, 0, 0, Verdict::go},
                                                        {1, 1, 1, Verdict::go},
                                                        {1000, 0, 1, Verdict::go},
                                                        {1000, 0, 2, Verdict::ask},
                                                        {1000, 0, 1000, Verdict::ask},
                                                        {10, 10, 10, Verdict::ask},
                                                        {11, 11, 11, Verdict::refuse},
                                                        {110, 11, 11, Verdict::ask},
                                                        {109, 11, 11, Verdict::refuse},
                                                        {1'000'000, 100'000, 100'000, Verdict::ask},
                                                        {1'000'000, 100'001, 100'001, Verdict::refuse}}) {
    ConfigChange change;
    change.hosts = hosts;
    change.losing = losing;
    change.touched = touched;
    EXPECT_EQ(change.verdict(), verdict) << hosts << " hosts, " << losing << " lose, " << touched << " touched";
  }
}

TEST_F(ConfigChangeTest, WritesCountsForControl) {
  runs("h1", "1");
  runs("h2", "");
  EXPECT_EQ(to_counts(change(want("1"), want("2"))),
            "verdict go\nhosts 2\nstopped 0\ndropped 0\nolder 0\ncontent 0\nlosing 0\ntouched 1\nrollout a 2 2\n\n"
            "2 hosts are known. The new config changes 2 of them:\n  a changes from 1 to 2 on 1 host, like h1\n"
            "  a 2 is installed on 1 host, like h2\n");
}

TEST_F(ConfigChangeTest, ListsTheMostHostsFirstAndSumsUpTheRest) {
  for (int i = 0; i < 30; ++i) runs("h" + std::to_string(i), "1." + std::to_string(i));
  runs("x1", "1.29");
  const auto found = lines(want("1"), want("2"));
  ASSERT_EQ(found.size(), meta::kMaxEffectLines + 1);
  EXPECT_EQ(found.front(), "a changes from 1.29 to 2 on 2 hosts, like h29, x1");
  EXPECT_EQ(found.back(), "and 10 more; see ./control plan");
}

}  // namespace
}  // namespace ops::tests
