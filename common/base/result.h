#pragma once

// A function that can fail returns a Result: a value, or an Error with a message for the operator. A library's exceptions are
// caught in the .cc file that calls the library.

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "common/base/text.h"

namespace ops {

/// `message` says what failed, on what, and why: "cannot read cfg.json: Permission denied".
struct Error {
  std::string message;

  /// The error with `context` and ": " before the message: "falcon-agent 3.1.3: cannot …".
  Error within(std::string_view context) const { return {cat(context, ": ", message)}; }
};

/// Error{"cannot <doing> <what>: <strerror>"}, for errno or for `error_number`.
Error system_error(std::string_view doing, std::string_view what);
Error system_error(std::string_view doing, std::string_view what, int error_number);

/// A value or an error. Check ok() before value() and error().
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : outcome_(std::move(value)) {}      // NOLINT: implicit, for `return value;`
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

/// Success or an error.
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
