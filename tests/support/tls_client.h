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

/// What clients of one server share: the sessions that ended connections have left, each to be resumed once.
class TlsClients {
 public:
  /// `resumes`: connections resume a session when there is one; else each makes a full handshake.
  explicit TlsClients(bool resumes);
  TlsClients(const TlsClients&) = delete;
  TlsClients& operator=(const TlsClients&) = delete;

 private:
  friend class TlsClient;
  static int keep(ssl_st* ssl, ssl_session_st* session);

  const bool resumes_;
  std::shared_ptr<ssl_ctx_st> context_;
  std::vector<std::unique_ptr<ssl_session_st, void (*)(ssl_session_st*)>> sessions_;
};

class TlsClient {
 public:
  explicit TlsClient(TlsClients& all);
  ~TlsClient();

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
