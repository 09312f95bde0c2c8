#pragma once

// A client's end of TLS, without a socket: bytes in, bytes out. It takes any certificate.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct bio_st;
struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;

namespace ops::tests {

class TlsClient;

/// What clients of one server share: the last session that a connection has left, to be resumed by all that follow.
class TlsClients {
 public:
  /// `resumes`: connections resume a session when there is one; else each makes a full handshake.
  explicit TlsClients(bool resumes);
  ~TlsClients();
  TlsClients(const TlsClients&) = delete;
  TlsClients& operator=(const TlsClients&) = delete;

  /// Makes clients that have their first bytes ready; so that the time of making them is not that of a measurement.
  void prepare(size_t count);
  /// A prepared one, while there are any.
  std::unique_ptr<TlsClient> make();

 private:
  friend class TlsClient;
  static int keep(ssl_st* ssl, ssl_session_st* session);

  const bool resumes_;
  std::shared_ptr<ssl_ctx_st> context_;
  std::shared_ptr<ssl_session_st> session_;  // none at first
  std::vector<std::unique_ptr<TlsClient>> ready_;
};

class TlsClient {
 public:
  explicit TlsClient(TlsClients& all);
  ~TlsClient();

  /// Has the first bytes of a handshake ready for say().
  void begin();
  /// Appends the first bytes of a handshake to `out`, or, when that is done, `text` encrypted. Text that comes earlier waits.
  void say(std::string_view text, std::string& out);

  /// Takes what the server sent: appends what that says to `text`, and what must be sent now to `out`. False when it is broken.
  bool take(std::string_view bytes, std::string& text, std::string& out);

  bool was_resumed() const;

 private:
  void flush(std::string& out);

  std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
  bio_st* in_;   // owned by ssl_
  bio_st* out_;  // owned by ssl_
  std::string waiting_;
};

}  // namespace ops::tests
