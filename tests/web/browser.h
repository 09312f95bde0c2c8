#pragma once

// A headless Chromium, driven by chromedriver over WebDriver (JSON over HTTP, so no library is needed). It reaches only
// 127.0.0.1.

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace ops::tests {

class Browser {
 public:
  /// Fails the test when chromedriver does not start. Needs Debian's packages chromium and chromium-driver.
  Browser();
  ~Browser();

  bool is_open() const { return !session_.empty(); }

  /// Returns when the page and its scripts are loaded.
  void open(const std::string& url);

  /// Runs `script` as the body of a function in the page, and returns its result.
  nlohmann::json run(const std::string& script, const nlohmann::json& arguments = nlohmann::json::array());

  /// The visible text, or an attribute, of the first element that the CSS selector finds; "" when it finds no element.
  std::string text(const std::string& selector);
  std::string attribute(const std::string& selector, const std::string& name);

  /// Clicks like a user: the element must be in view and not covered.
  void click(const std::string& selector);
  /// Types into the element.
  void type(const std::string& selector, const std::string& text);
  /// Presses a key in the element that has the focus.
  void press(const std::string& key);

  /// In CSS pixels. Below 500 pixels of width the browser emulates a phone with a touch screen.
  void resize(int width, int height);
  void set_dark(bool is_dark);
  void save_screenshot(const std::string& file);

  /// Errors and warnings of the console since the last call.
  std::vector<std::string> console_errors();
  /// URLs that the browser requested since the last call.
  std::vector<std::string> requests();

 private:
  /// Sets port_ if chromedriver starts. `output` is the file for what it prints.
  void start_driver(const std::string& output);
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
