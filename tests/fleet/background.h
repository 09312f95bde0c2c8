#pragma once

// Runs a load in a second thread.

#include <atomic>
#include <thread>
#include <utility>

namespace ops::fleet {

/// Calls run(options) in a thread. `Options` has a member `stop` that ends the run. The destructor ends it at the latest.
template <typename Options, typename Result>
class Background {
 public:
  Background(Options options, Result (*run)(const Options&)) {
    options.stop = &stop_;
    thread_ = std::thread([this, options = std::move(options), run] { result_ = run(options); });
  }
  ~Background() { end(); }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  /// Ends the run and returns its result.
  Result end() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return result_;
  }

 private:
  std::atomic<bool> stop_ = false;
  Result result_;
  std::thread thread_;
};

}  // namespace ops::fleet
