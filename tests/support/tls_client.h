#pragma once

// The client side of TLS without a socket: the caller moves the bytes. It accepts any certificate.

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

/// The state that the clients of one server share: the last TLS session, which later connections can resume.
class TlsClients {
 public:
  /// With `resumes`, a connection resumes the last session if there is one. Otherwise each makes a full handshake.
  explicit TlsClients(bool resumes);
  ~TlsClients();
  TlsClients(const TlsClients&) = delete;
  TlsClients& operator=(const TlsClients&) = delete;

  /// Makes clients in advance, with the first handshake message, so that a measurement does not include this time.
  void prepare(size_t count);
  /// Returns a prepared client, or a new one when there are no prepared ones left.
  std::unique_ptr<TlsClient> make();

 private:
  friend class TlsClient;
  static int keep(ssl_st* ssl, ssl_session_st* session);

  const bool resumes_;
  std::shared_ptr<ssl_ctx_st> context_;
  std::shared_ptr<ssl_session_st> session_;  // null until a server sends one
  std::vector<std::unique_ptr<TlsClient>> ready_;
};

class TlsClient {
 public:
  explicit TlsClient(TlsClients& all);
  ~TlsClient();

  /// Makes the first handshake message. The next send() returns it.
  void begin();
  /// Appends to `out` the bytes to send: handshake messages, and `text` encrypted. Keeps `text` until the handshake is done.
  void send(std::string_view text, std::string& out);

  /// Processes bytes from the server. Appends the decrypted text to `text` and the bytes to send to `out`. Returns false on a
  /// TLS error.
  bool receive(std::string_view bytes, std::string& text, std::string& out);

  bool was_resumed() const;

 private:
  void flush(std::string& out);

  std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
  bio_st* in_;   // owned by ssl_
  bio_st* out_;  // owned by ssl_
  std::string waiting_;
};

}  // namespace ops::tests
