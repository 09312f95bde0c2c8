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
  const auto found = place_of(config, agent, arch);
  EXPECT_TRUE(found) << found.error().message;
  return found ? *found : PublishLocation();
}

std::string refusal(const Config& config, const std::string& agent = "a") {
  const auto found = place_of(config, agent, "");
  return found ? "it has a place: " + found->folder : found.error().message;
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

TEST(PublishLocation, IsHereUnderAnyNameOfThisMachineAtTheListeningPort) {
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

TEST(PublishLocation, OfAChecksumUrlIsItsOwn) {
  const std::string url = "http://127.0.0.1:2000/falcon";
  EXPECT_EQ(place(config_with(url, "http://127.0.0.1:2000/sums")).checksum_folder, "/srv/files/sums");
  EXPECT_EQ(place(config_with(url, "d41d8cd98f00b204e9800998ecf8427e")).checksum_folder, "/srv/files/falcon");
}

TEST(PublishLocation, FillsInThePlatformThatItIsToldOf) {
  const Config config = config_with("http://127.0.0.1:2000/{os}/{arch}/a");
  EXPECT_EQ(refusal(config),
            "cannot tell the folder: the URL http://127.0.0.1:2000/{os}/{arch}/a holds {arch}; add -a amd64 or -a arm64, "
            "the hosts that run it");
  EXPECT_EQ(place(config, "a", "arm64").folder, "/srv/files/linux/arm64/a");
  EXPECT_EQ(place(config_with("http://127.0.0.1:2000/{os}")).folder, "/srv/files/linux");
}

TEST(PublishLocation, OfAnAgentThatTheConfigDoesNotNameIsUnderItsName) {
  const Config config = config_with("http://127.0.0.1:2000/falcon");
  EXPECT_EQ(place(config, "b"), (PublishLocation{"/srv/files/b", "/srv/files/b", true}));
  EXPECT_EQ(place(config_with(""), "a").folder, "/srv/files/a");
}

TEST(PublishLocation, IsNeverOutsideTarballDirNorUnderAPageOfOpsMeta) {
  EXPECT_EQ(refusal(config_with("http://127.0.0.1:2000/a/../../b")),
            "cannot tell the folder: the path of the URL http://127.0.0.1:2000/a/../../b holds \"..\"");
  EXPECT_EQ(refusal(config_with("http://127.0.0.1:2000/%2e%2e/b")),
            "cannot tell the folder: the path of the URL http://127.0.0.1:2000/%2e%2e/b holds \"%2e%2e\"");
  EXPECT_EQ(refusal(config_with("http://127.0.0.1:2000/a%2fb")),
            "cannot tell the folder: the path of the URL http://127.0.0.1:2000/a%2fb holds \"a%2fb\"");
  EXPECT_EQ(refusal(config_with("http://127.0.0.1:2000/falcon"), "explain"),
            "ops-meta serves no files at http://127.0.0.1:2000/explain, where its own pages are; give the agent another "
            "`tarball` in cfg.json");
}

TEST(PublishLocation, NextStepsAreTheLineForTheConfig) {
  EXPECT_EQ(steps(config_with("http://127.0.0.1:2000/falcon", "", "127.0.0.1:2000")),
            "For cfg.json, and then ./control reload:\n"
            "    \"version\": \"2\", \"tarball\": \"http://127.0.0.1:2000/falcon\"\n");
}

TEST(PublishLocation, NextStepsHaveTheChecksumWhereTheConfigHasOne) {
  EXPECT_NE(steps(config_with("http://127.0.0.1:2000/a", "00000000000000000000000000000000"))
                .find("/a\", \"md5\": \"d41d8cd98f00b204e9800998ecf8427e\"\n"),
            std::string::npos);
}

TEST(PublishLocation, NextStepsAreToCopyTheFilesOfAUrlElsewhere) {
  const std::string for_config = "For cfg.json, and then ./control reload:\n    \"version\": \"2\", \"tarball\": ";
  const std::string needless = ", from where hosts fetch them (needless if that URL leads to this ops-meta):\n";
  EXPECT_EQ(steps(config_with("http://192.0.2.1/{arch}/r"), {"a", "2", "arm64", "", true}),
            "Copy these files to http://192.0.2.1/arm64/r" + needless +
                "    /srv/files/arm64/r/a-2.tar.gz\n"
                "    /srv/files/arm64/r/a-2.tar.gz.md5\n"
                "    /srv/files/arm64/r/a-2.tar.gz.minisig\n" +
                for_config + "\"http://192.0.2.1/{arch}/r\"\n");
  EXPECT_EQ(steps(config_with("http://192.0.2.1/r", "http://127.0.0.1:2000/sums")),
            "Copy this file to http://192.0.2.1/r" + needless + "    /srv/files/r/a-2.tar.gz\n" + for_config +
                "\"http://192.0.2.1/r\"\n");
  EXPECT_EQ(steps(config_with("http://127.0.0.1:2000/r", "http://192.0.2.1/sums", "127.0.0.1:2000")),
            "Copy this file to http://192.0.2.1/sums" + needless + "    /srv/files/sums/a-2.tar.gz.md5\n" + for_config +
                "\"http://127.0.0.1:2000/r\"\n");
}

TEST(PublishLocation, NextStepsNameOverridesThatLookElsewhere) {
  Config config = config_with("http://127.0.0.1:2000/a", "", "127.0.0.1:2000");
  config.agents[0].others = {{"x-", "2", "", "", ""}, {"bj-", "", "http://192.0.2.1/a", "", ""}};
  EXPECT_TRUE(steps(config).starts_with(
      "Hosts of others[1] fetch from http://192.0.2.1/a: copy the files there, too, before they get this version.\nFor "))
      << steps(config);
}

TEST(PublishLocation, NextStepsHaveTheWholeEntryOfAnAgentThatTheConfigDoesNotName) {
  const Config config = config_with("http://127.0.0.1:2000/a", "", "127.0.0.1:2000");
  EXPECT_EQ(
      steps(config, {"b", "2", "", "", false}),
      "cfg.json names no agent b, so no host gets it. For all hosts, add to \"agents\" in cfg.json, and then ./control "
      "reload:\n    {\"default\": {\"name\": \"b\", \"version\": \"2\", \"tarball\": \"http://127.0.0.1:2000/b\", \"md5\": "
      "\"\", \"cmd\": \"start\"}}\n");
}

TEST(PublishLocation, NextStepsSayThatALoopbackAddressIsForOneMachine) {
  const std::string text = steps(config_with("http://127.0.0.1:2000/a"));
  EXPECT_TRUE(
      text.ends_with("\nOnly this machine fetches from 127.0.0.1. For other hosts, put an address that they reach, like " +
                     machine_address() + ", in its place in cfg.json.\n"))
      << text;
  const std::string new_agent = steps(config_with("http://192.0.2.1/a"), {"b", "2", "", "", false});
  EXPECT_NE(new_agent.find("\"http://" + machine_address() + ":2000/b\""), std::string::npos) << new_agent;
}

}  // namespace
}  // namespace ops::meta
