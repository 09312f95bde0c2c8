#pragma once

// A headless Chromium, driven by chromedriver: WebDriver is JSON over HTTP, and needs no library. It can reach 127.0.0.1 only.

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace ops::tests {

class Browser {
 public:
  /// Fails the test when there is none: it takes Debian's packages chromium and chromium-driver.
  Browser();
  ~Browser();

  bool is_open() const { return !session_.empty(); }

  /// Returns when the page and its script are loaded.
  void open(const std::string& url);

  /// Runs the body of a function in the page, and returns what it returns.
  nlohmann::json run(const std::string& script, const nlohmann::json& arguments = nlohmann::json::array());

  /// The first element that the CSS selector finds: its text as people see it; "" when there is none.
  std::string text(const std::string& selector);
  std::string attribute(const std::string& selector, const std::string& name);

  /// As a person does it: the element must be in view and not covered.
  void click(const std::string& selector);
  /// Into an element, or to whatever has the focus.
  void type(const std::string& selector, const std::string& text);
  void press(const std::string& key);

  /// In CSS pixels. A narrow one is a phone's, that is touched.
  void resize(int width, int height);
  void set_dark(bool is_dark);
  void save_screenshot(const std::string& file);

  /// What the console got since the last call, errors and warnings; and the URLs that were asked for.
  std::vector<std::string> complaints();
  std::vector<std::string> requests();

 private:
  nlohmann::json ask(const std::string& method, const std::string& path, const nlohmann::json& body = nlohmann::json::object());
  void devtools(const std::string& command, const nlohmann::json& parameters);
  std::string element(const std::string& selector);
  nlohmann::json log(const std::string& type);

  TempDir folder_;
  Process driver_;
  int port_ = 0;
  std::string session_;  // "/session/…"
};

}  // namespace ops::tests
