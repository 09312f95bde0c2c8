#include "tests/web/browser.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "tests/support/http.h"
#include "tests/support/wait.h"

namespace ops::tests {

using Json = nlohmann::json;

namespace {

constexpr int kTimeout = 60'000;  // milliseconds; on a busy machine Chromium starts slowly

std::string from_base64(const std::string& text) {
  std::string bytes(text.size(), '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  bytes.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return bytes;
}

/// chromedriver always keeps the connection open, so the Content-Length tells where the answer ends.
std::string read_answer(const RawConnection& connection) {
  const std::string key = "Content-Length:";
  std::string bytes = connection.read_until("\r\n\r\n", kTimeout);
  const size_t at = bytes.find(key);
  if (at == std::string::npos) return bytes;
  const size_t size = bytes.find("\r\n\r\n") + 4 + std::stoul(bytes.substr(at + key.size()));
  while (bytes.size() < size) {
    const std::string more = connection.read_until("}", kTimeout);  // the answer is JSON
    if (more.empty()) break;
    bytes += more;
  }
  return bytes;
}

Json options(const std::string& profile) {
  // With the pipe, Chromium ends when its driver ends. Its sandbox needs privileges that containers do not have.
  const Json arguments{"--headless=new",
                       "--remote-debugging-pipe",
                       "--no-sandbox",
                       "--disable-gpu",
                       "--disable-dev-shm-usage",
                       "--no-first-run",
                       "--disable-background-networking",
                       "--disable-component-update",
                       "--disable-sync",
                       "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                       "--user-data-dir=" + profile};
  const Json logs{{"browser", "ALL"}, {"performance", "ALL"}};
  return {{"capabilities", {{"alwaysMatch", {{"goog:loggingPrefs", logs}, {"goog:chromeOptions", {{"args", arguments}}}}}}}};
}

}  // namespace

Browser::Browser() {
  // chromedriver takes a free port of IPv6, and ends if another program has the same port of IPv4.
  for (int attempt = 1; attempt <= 5 && port_ == 0; ++attempt) start_driver(folder_ / ("driver" + std::to_string(attempt)));
  if (port_ == 0) {
    ADD_FAILURE() << "chromedriver does not start (apt-get install chromium chromium-driver): "
                  << read_file(folder_ / "driver5");
    return;
  }
  const Json session = ask("POST", "/session", options(folder_ / "profile"));
  if (!session.is_object()) return;
  session_ = "/session/" + session.value("sessionId", "");
  open("about:blank");
  requests();  // drops those of Chromium's first page
}

void Browser::start_driver(const std::string& output) {
  driver_ = Process({"env", "HOME=" + folder_.path(), "TMPDIR=" + folder_.path(), "chromedriver", "--port=0"}, "", output);
  const std::string before = "successfully on port ";
  eventually([&] { return !driver_.is_running() || read_file(output).find(before) != std::string::npos; });
  const std::string said = read_file(output);
  const size_t at = said.find(before);
  if (at != std::string::npos) port_ = std::stoi(said.substr(at + before.size()));
}

Browser::~Browser() {
  if (is_open()) ask("DELETE", "");
  driver_.stop();
}

/// The "value" of the answer. An error fails the test and returns null.
Json Browser::ask(const std::string& method, const std::string& path, const Json& body) {
  const std::string text = method == "POST" ? body.dump() : "";
  std::string request = method + " " + session_ + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n";
  request += "Content-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text;
  const RawConnection connection(port_);
  connection.send(request);
  const HttpReply reply = parse_reply(read_answer(connection));
  const Json answer = Json::parse(reply.body, nullptr, false);
  if (reply.status == 200 && answer.is_object()) return answer.value("value", Json());
  ADD_FAILURE() << method << " " << path << " " << text.substr(0, 300) << ": chromedriver answers " << reply.status << " "
                << reply.body.substr(0, 1000);
  return nullptr;
}

void Browser::devtools(const std::string& command, const Json& parameters) {
  ask("POST", "/goog/cdp/execute", {{"cmd", command}, {"params", parameters}});
}

void Browser::open(const std::string& url) { ask("POST", "/url", {{"url", url}}); }

Json Browser::run(const std::string& script, const Json& arguments) {
  return ask("POST", "/execute/sync", {{"script", script}, {"args", arguments}});
}

std::string Browser::text(const std::string& selector) {
  const Json text = run("return document.querySelector(arguments[0])?.innerText ?? ''", {selector});
  return text.is_string() ? text.get<std::string>() : "";
}

std::string Browser::attribute(const std::string& selector, const std::string& name) {
  const Json value = run("return document.querySelector(arguments[0])?.getAttribute(arguments[1]) ?? ''", {selector, name});
  return value.is_string() ? value.get<std::string>() : "";
}

std::string Browser::element(const std::string& selector) {
  const Json found = ask("POST", "/element", {{"using", "css selector"}, {"value", selector}});
  return found.is_object() && !found.empty() ? found.begin()->get<std::string>() : "";
}

void Browser::click(const std::string& selector) { ask("POST", "/element/" + element(selector) + "/click"); }

void Browser::type(const std::string& selector, const std::string& text) {
  ask("POST", "/element/" + element(selector) + "/value", {{"text", text}});
}

void Browser::press(const std::string& key) {
  const Json keys{{{"type", "keyDown"}, {"value", key}}, {{"type", "keyUp"}, {"value", key}}};
  ask("POST", "/actions", {{"actions", {{{"type", "key"}, {"id", "keyboard"}, {"actions", keys}}}}});
}

void Browser::resize(int width, int height) {
  devtools("Emulation.setDeviceMetricsOverride",
           {{"width", width}, {"height", height}, {"deviceScaleFactor", 1}, {"mobile", width < 500}});
}

void Browser::set_dark(bool is_dark) {
  const Json feature{{"name", "prefers-color-scheme"}, {"value", is_dark ? "dark" : "light"}};
  devtools("Emulation.setEmulatedMedia", {{"features", Json::array({feature})}});
}

void Browser::save_screenshot(const std::string& file) {
  const Json picture = ask("GET", "/screenshot");
  if (picture.is_string()) write_file(file, from_base64(picture.get<std::string>()));
}

Json Browser::log(const std::string& type) {
  const Json entries = ask("POST", "/se/log", {{"type", type}});
  return entries.is_array() ? entries : Json::array();
}

std::vector<std::string> Browser::console_errors() {
  std::vector<std::string> errors;
  for (const Json& entry : log("browser")) {
    const std::string level = entry.value("level", "");
    if (level == "SEVERE" || level == "WARNING") errors.push_back(entry.value("message", ""));
  }
  return errors;
}

std::vector<std::string> Browser::requests() {
  std::vector<std::string> urls;
  for (const Json& entry : log("performance")) {
    const Json event = Json::parse(entry.value("message", ""), nullptr, false);
    if (event.is_discarded() || event["message"].value("method", "") != "Network.requestWillBeSent") continue;
    urls.push_back(event["message"]["params"]["request"].value("url", ""));
  }
  return urls;
}

}  // namespace ops::tests
