#pragma once

// Loads ops-meta's config from a text, as from cfg.json, and returns the faults that it reports.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "meta/config/config.h"
#include "tests/support/temp_dir.h"

namespace ops::tests {

using Lines = std::vector<std::string>;

struct MetaConfigTest : testing::Test {
  meta::Config load(const std::string& text) {
    const TempDir folder;
    write_file(folder / "cfg.json", text);
    report = {};
    return meta::load_config(folder / "cfg.json", report);
  }

  Lines errors_of(const std::string& text) {
    load(text);
    return report.errors;
  }

  /// Of a config with these agents and no other faults.
  Lines errors_of_agents(const std::string& agents) {
    return errors_of(R"({"http": {"listen": "127.0.0.1:2000"}, "agents": [)" + agents + "]}");
  }

  Lines errors_of_default(const std::string& fields) { return errors_of_agents(R"({"default": {)" + fields + "}}"); }
  Lines errors_of_entry(const std::string& fields) {
    return errors_of_agents(R"({"default": {"name": "a", "version": "1"}, "others": [{)" + fields + "}]}");
  }
  Lines errors_of_override(const std::string& fields) { return errors_of_entry(R"("prefix": "lg-", )" + fields); }

  ConfigReport report;  // of the last config
};

}  // namespace ops::tests
