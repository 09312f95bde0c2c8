#pragma once

// How a function here says that it failed: by value, with a message for the person who reads it at 3 a.m. Exceptions of
// libraries stop in the file that calls the library.

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "common/base/text.h"

namespace ops {

/// Says what was tried, on what, and why it failed: "cannot read cfg.json: Permission denied".
struct Error {
  std::string message;

  /// The same error seen from further out: "falcon-agent 3.1.3: " before the message.
  Error within(std::string_view context) const { return {cat(context, ": ", message)}; }
};

/// Error{"cannot <doing> <what>: <strerror>"} for the errno that a system call just left.
Error system_error(std::string_view doing, std::string_view what);
Error system_error(std::string_view doing, std::string_view what, int error_number);

/// A value, or why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : outcome_(std::move(value)) {}      // NOLINT: `return value;` is the point
  Result(Error error) : outcome_(std::move(error)) {}  // NOLINT

  bool ok() const { return outcome_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() { return std::get<0>(outcome_); }
  const T& value() const { return std::get<0>(outcome_); }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const { return std::get<1>(outcome_); }

 private:
  std::variant<T, Error> outcome_;
};

/// Success, or why not.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}  // NOLINT

  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  const Error& error() const { return error_; }

 private:
  Error error_;
  bool ok_ = true;
};

}  // namespace ops
