#include "meta/config/publish_location.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "meta/config/machine_name.h"

namespace ops::meta {
namespace {

Config config_with(const std::string& tarball, const std::string& md5 = "", const std::string& listen = "0.0.0.0:2000") {
  Config config;
  config.tarball_dir = "/srv/files";
  config.http_listen = listen;
  config.agents = {{{"a", "1", tarball, md5, "start"}, {}, {}}};
  return config;
}

PublishLocation place(const Config& config, const std::string& agent = "a", const std::string& arch = "") {
  const auto found = publish_location_of(config, agent, arch);
  EXPECT_TRUE(found) << found.error().message;
  return found ? *found : PublishLocation();
}

std::string refusal(const Config& config, const std::string& agent = "a") {
  const auto found = publish_location_of(config, agent, "");
  return found ? "no error: " + found->folder : found.error().message;
}

std::string steps(const Config& config, PublishedRelease release = {"a", "2", "", "d41d8cd98f00b204e9800998ecf8427e", false}) {
  return next_steps(config, place(config, release.agent, release.arch), release);
}

TEST(PublishLocation, IsThePathOfTheTarballUrl) {
  for (const auto& [url, folder] : {std::pair("http://127.0.0.1:2000/falcon", "/srv/files/falcon"),
                                    {"http://127.0.0.1:2000/falcon/", "/srv/files/falcon"},
                                    {"http://127.0.0.1:2000//x//y", "/srv/files/x/y"},
                                    {"http://127.0.0.1:2000/a%20b+c", "/srv/files/a b+c"},
                                    {"http://127.0.0.1:2000", "/srv/files"},
                                    {"127.0.0.1:2000/falcon", "/srv/files/falcon"},
                                    {"HTTP://127.0.0.1:2000/falcon", "/srv/files/falcon"},
                                    {"http://[::1]:2000/falcon", "/srv/files/falcon"}}) {
    EXPECT_EQ(place(config_with(url)), (PublishLocation{folder, folder, true})) << url;
  }
}

TEST(PublishLocation, IsHereForAnyNameOfThisMachineWithTheListeningPort) {
  for (const std::string& host :
       {std::string("127.0.0.1"), std::string("127.8.8.8"), std::string("localhost"), machine_name()}) {
    EXPECT_TRUE(place(config_with("http://" + host + ":2000/a")).is_here) << host;
    EXPECT_FALSE(place(config_with("http://" + host + ":2001/a")).is_here) << host;
    EXPECT_FALSE(place(config_with("http://" + host + "/a")).is_here) << host;
  }
  EXPECT_TRUE(place(config_with("http://m.example:80/a", "", "m.example:80")).is_here);
  EXPECT_TRUE(place(config_with("http://127.0.0.1/a", "", ":80")).is_here);
  EXPECT_TRUE(place(config_with("https://127.0.0.1/a", "", ":443")).is_here);
  EXPECT_TRUE(place(config_with("http://" + machine_address() + ":2000/a")).is_here);
  EXPECT_FALSE(place(config_with("http://192.0.2.1:2000/a")).is_here);
  EXPECT_FALSE(place(config_with("http://127.0.0.1:2000/get?file=")).is_here);
}

TEST(PublishLocation, OfTheMd5FileFollowsItsOwnUrl) {
  const std::string url = "http://127.0.0.1:2000/falcon";
  EXPECT_EQ(place(config_with(url, "http://127.0.0.1:2000/sums")).checksum_folder, "/srv/files/sums");
  EXPECT_EQ(place(config_with(url, "d41d8cd98f00b204e9800998ecf8427e")).checksum_folder, "/srv/files/falcon");
}

TEST(PublishLocation, FillsInTheGivenPlatform) {
  const Config config = config_with("http://127.0.0.1:2000/{os}/{arch}/a");
  EXPECT_EQ(
      refusal(config),
      "cannot determine the folder: the URL http://127.0.0.1:2000/{os}/{arch}/a contains {arch}; add -a amd64 or -a arm64, "
      "for the hosts that run the release");
  EXPECT_EQ(place(config, "a", "arm64").folder, "/srv/files/linux/arm64/a");
  EXPECT_EQ(place(config_with("http://127.0.0.1:2000/{os}")).folder, "/srv/files/linux");
}

TEST(PublishLocation, EndsBeforeThePlaceOfTheFileName) {
  EXPECT_EQ(place(config_with("http://127.0.0.1:2000/falcon/{file}")),
            (PublishLocation{"/srv/files/falcon", "/srv/files/falcon", true}));
  EXPECT_EQ(place(config_with("https://b.example/r/{file}/content?sig=secret")).folder, "/srv/files/r");
  EXPECT_EQ(place(config_with("https://b.example/get?name={file}&sig=secret")).folder, "/srv/files/get");
  EXPECT_EQ(refusal(config_with("http://127.0.0.1:2000/falcon/x{file}")),
            "ops-meta serves no file at http://127.0.0.1:2000/falcon/x{file}: {file} must be the last part of the path");
}

TEST(PublishLocation, OfMirrorsIsThatOfTheOneHere) {
  Config config = config_with("https://b.example/r?name={file}&sig=secret");
  config.agents[0].defaults.mirrors = {"http://127.0.0.1:2000/falcon", "http://c.example/x"};
  EXPECT_EQ(place(config), (PublishLocation{"/srv/files/falcon", "/srv/files/falcon", true}));
  const std::string text = steps(config);
  EXPECT_EQ(text.find("secret"), std::string::npos) << text;
  EXPECT_NE(text.find("Copy these files to https://b.example/r?…{file}…, from"), std::string::npos) << text;
  EXPECT_NE(text.find("Copy these files to http://c.example/x, from"), std::string::npos) << text;
  EXPECT_EQ(text.find("127.0.0.1:2000/falcon, from"), std::string::npos) << text;
  EXPECT_NE(text.find("./control reload:\n    \"version\": \"2\"\n"), std::string::npos) << "the list stays as it is: " << text;
}

TEST(PublishLocation, OfAnUnknownAgentIsTheAgentsName) {
  const Config config = config_with("http://127.0.0.1:2000/falcon");
  EXPECT_EQ(place(config, "b"), (PublishLocation{"/srv/files/b", "/srv/files/b", true}));
  EXPECT_EQ(place(config_with(""), "a").folder, "/srv/files/a");
}

TEST(PublishLocation, IsNeverOutsideTarballDirNorUnderAPageOfOpsMeta) {
  EXPECT_EQ(refusal(config_with("http://127.0.0.1:2000/a/../../b")),
            "cannot determine the folder: the path of the URL http://127.0.0.1:2000/a/../../b contains \"..\"");
  EXPECT_EQ(refusal(config_with("http://127.0.0.1:2000/%2e%2e/b")),
            "cannot determine the folder: the path of the URL http://127.0.0.1:2000/%2e%2e/b contains \"%2e%2e\"");
  EXPECT_EQ(refusal(config_with("http://127.0.0.1:2000/a%2fb")),
            "cannot determine the folder: the path of the URL http://127.0.0.1:2000/a%2fb contains \"a%2fb\"");
  EXPECT_EQ(refusal(config_with("http://127.0.0.1:2000/falcon"), "explain"),
            "ops-meta serves its own pages at http://127.0.0.1:2000/explain, and no files; change the agent's `tarball` in "
            "cfg.json");
}

TEST(PublishLocation, NextStepsAreTheLineForTheConfig) {
  EXPECT_EQ(steps(config_with("http://127.0.0.1:2000/falcon", "", "127.0.0.1:2000")),
            "Set this in cfg.json and run ./control reload:\n"
            "    \"version\": \"2\", \"tarball\": \"http://127.0.0.1:2000/falcon\"\n");
}

TEST(PublishLocation, NextStepsContainTheChecksumWhenTheConfigHasOne) {
  EXPECT_NE(steps(config_with("http://127.0.0.1:2000/a", "00000000000000000000000000000000"))
                .find("/a\", \"md5\": \"d41d8cd98f00b204e9800998ecf8427e\"\n"),
            std::string::npos);
}

TEST(PublishLocation, NextStepsTellToCopyTheFilesToAUrlElsewhere) {
  const std::string for_config = "Set this in cfg.json and run ./control reload:\n    \"version\": \"2\", \"tarball\": ";
  const std::string hint = ", from which hosts download them (not needed if this URL leads to this ops-meta):\n";
  EXPECT_EQ(steps(config_with("http://192.0.2.1/{arch}/r"), {"a", "2", "arm64", "", true}),
            "Copy these files to http://192.0.2.1/arm64/r" + hint +
                "    /srv/files/arm64/r/a-2.tar.gz\n"
                "    /srv/files/arm64/r/a-2.tar.gz.md5\n"
                "    /srv/files/arm64/r/a-2.tar.gz.minisig\n" +
                for_config + "\"http://192.0.2.1/{arch}/r\"\n");
  EXPECT_EQ(steps(config_with("http://192.0.2.1/r", "http://127.0.0.1:2000/sums")),
            "Copy this file to http://192.0.2.1/r" + hint + "    /srv/files/r/a-2.tar.gz\n" + for_config +
                "\"http://192.0.2.1/r\"\n");
  EXPECT_EQ(steps(config_with("http://127.0.0.1:2000/r", "http://192.0.2.1/sums", "127.0.0.1:2000")),
            "Copy this file to http://192.0.2.1/sums" + hint + "    /srv/files/sums/a-2.tar.gz.md5\n" + for_config +
                "\"http://127.0.0.1:2000/r\"\n");
}

TEST(PublishLocation, NextStepsNameOverridesWithAnotherUrl) {
  Config config = config_with("http://127.0.0.1:2000/a", "", "127.0.0.1:2000");
  config.agents[0].others = {{"x-", "2", "", "", ""}, {"bj-", "", "http://192.0.2.1/a", "", ""}};
  EXPECT_TRUE(steps(config).starts_with(
      "Hosts of others[1] download from http://192.0.2.1/a: copy the files to that URL as well, before you assign them this "
      "version.\nSet this "))
      << steps(config);
}

TEST(PublishLocation, NextStepsContainTheWholeEntryOfAnUnknownAgent) {
  const Config config = config_with("http://127.0.0.1:2000/a", "", "127.0.0.1:2000");
  EXPECT_EQ(steps(config, {"b", "2", "", "", false}),
            "cfg.json has no agent b, so no host runs it. To run it on all hosts, add this to \"agents\" in cfg.json and run "
            "./control reload:\n    {\"default\": {\"name\": \"b\", \"version\": \"2\", \"tarball\": "
            "\"http://127.0.0.1:2000/b\", \"md5\": "
            "\"\", \"cmd\": \"start\"}}\n");
}

TEST(PublishLocation, NextStepsWarnOfALoopbackAddress) {
  const std::string text = steps(config_with("http://127.0.0.1:2000/a"));
  EXPECT_TRUE(text.ends_with(
      "\nOnly this machine can reach 127.0.0.1. For other hosts, replace it in cfg.json by an address that they reach, like " +
      machine_address() + ".\n"))
      << text;
  const std::string new_agent = steps(config_with("http://192.0.2.1/a"), {"b", "2", "", "", false});
  EXPECT_NE(new_agent.find("\"http://" + machine_address() + ":2000/b\""), std::string::npos) << new_agent;
}

}  // namespace
}  // namespace ops::meta
