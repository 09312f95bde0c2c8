#include "meta/rollout/operator_orders.h"

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace ops::tests {
namespace {

using meta::OperatorOrders;
using meta::Order;

meta::Config config_of(const std::string& version, const std::string& other_agent = "b") {
  meta::Config config;
  config.agents = {{{"a", version, "http://m/a", "", "start"}, {}, {}},
                   {{other_agent, "1", "http://m/b", "", "start"}, {}, {}}};
  return config;
}

TEST(OperatorOrders, ApplyToOneRelease) {
  OperatorOrders orders;
  EXPECT_EQ(orders.find("a", "2"), std::nullopt);
  EXPECT_TRUE(orders.give(config_of("2"), "a", "2", Order::halt));
  EXPECT_EQ(orders.find("a", "2"), Order::halt);
  EXPECT_EQ(orders.find("a", "1"), std::nullopt);
  EXPECT_EQ(orders.find("b", "2"), std::nullopt);
  EXPECT_TRUE(orders.give(config_of("2"), "a", "2", Order::resume));
  EXPECT_EQ(orders.find("a", "2"), Order::resume) << "the last order counts";
}

TEST(OperatorOrders, AreRefusedForAnUnknownAgentOrVersion) {
  OperatorOrders orders;
  const auto given = orders.give(config_of("2"), "x", "2", Order::halt);
  ASSERT_FALSE(given);
  EXPECT_EQ(given.error().message, "the config has no agent \"x\"");
  EXPECT_FALSE(orders.give(config_of("2"), "a", "../2", Order::halt));
  const auto typo = orders.give(config_of("2"), "a", "22", Order::halt);
  ASSERT_FALSE(typo);
  EXPECT_EQ(typo.error().message, "the config has no version 22 of a, only 2");
}

TEST(OperatorOrders, EndWhenTheAgentsEntryChanges) {
  OperatorOrders orders;
  ASSERT_TRUE(orders.give(config_of("2"), "a", "2", Order::halt));
  EXPECT_TRUE(orders.remove_outdated(config_of("2", "c")).empty());
  EXPECT_EQ(orders.find("a", "2"), Order::halt);
  EXPECT_EQ(orders.remove_outdated(config_of("3")), std::vector<std::string>{"halt of a 2"});
  EXPECT_EQ(orders.find("a", "2"), std::nullopt);
}

TEST(OperatorOrders, SurviveACrash) {
  const TempDir folder;
  const std::string path = folder / "orders.json";
  {
    OperatorOrders orders(path);
    EXPECT_TRUE(orders.load()) << "there is no file yet";
    EXPECT_TRUE(orders.give(config_of("2"), "a", "2", Order::halt));
    EXPECT_TRUE(orders.give(config_of("2"), "b", "1", Order::resume));
  }
  OperatorOrders orders(path);
  ASSERT_TRUE(orders.load());
  EXPECT_EQ(orders.find("a", "2"), Order::halt);
  EXPECT_EQ(orders.find("b", "1"), Order::resume);
  orders.remove_outdated(config_of("3"));
  OperatorOrders later(path);
  ASSERT_TRUE(later.load());
  EXPECT_EQ(later.find("a", "2"), std::nullopt) << "its removal is saved";
  EXPECT_EQ(later.find("b", "1"), Order::resume);
}

TEST(OperatorOrders, RefuseADamagedFile) {
  const TempDir folder;
  for (const char* text : {"", "{", "[]", "{\"orders\": [{}]}", "{\"orders\": 5}"}) {
    write_file(folder / "orders.json", text);
    OperatorOrders orders(folder / "orders.json");
    EXPECT_FALSE(orders.load()) << text;
  }
}

TEST(OperatorOrders, AreInEffectWhenTheDiskFails) {
  OperatorOrders orders("/nowhere/orders.json");
  const auto given = orders.give(config_of("2"), "a", "2", Order::halt);
  ASSERT_FALSE(given);
  EXPECT_NE(given.error().message.find("the order is in effect, but is lost at the next restart"), std::string::npos)
      << given.error().message;
  EXPECT_EQ(orders.find("a", "2"), Order::halt);
}

}  // namespace
}  // namespace ops::tests
