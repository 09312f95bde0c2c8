#pragma once

// TLS 1.2 and later for the HTTP server, with OpenSSL. A session converts bytes in memory and uses no socket: the event loops
// of the server stay unchanged, and no data waits in a buffer that epoll does not know.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/tls/certificates.h"

struct ssl_ctx_st;
struct ssl_st;

namespace ops {

/// Keeps OpenSSL from reading the host's openssl.cnf for the life of the process. That file may name modules to load, which are
/// built for the host's glibc and not for ours. Call it before any other function of OpenSSL.
void ignore_system_openssl_config();

/// The server's end of one connection.
class TlsSession {
 public:
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  enum class Verdict {
    good,
    ended,   // the client has closed the session
    no_tls,  // the client does not speak TLS; it may speak plain HTTP
    broken   // see error(); `out` has the alert for the client
  };

  /// Processes bytes from the client. Appends the decrypted bytes to `text`, and the bytes to send to the client to `out`.
  Verdict take(std::string_view bytes, std::string& text, std::string& out);

  /// Encrypts `text` and appends it to `out`. Call it only after take() has returned some text.
  void encrypt(std::string_view text, std::string& out);
  /// Appends the message that closes the session.
  void end(std::string& out);

  const std::string& error() const { return error_; }

  /// Whether the server has loaded files since this session began. Their CA may not trust this client.
  bool is_outdated() const { return *generation_ != began_in_; }

  /// The names in the client's certificate, which OpenSSL has verified; empty when the client sent no certificate.
  std::vector<std::string> client_names() const;

 private:
  friend class TlsServer;
  TlsSession(ssl_st* ssl, std::string ca_file, const std::atomic<uint64_t>& generation);

  const std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
  const std::string ca_file_;
  const std::atomic<uint64_t>* const generation_;  // of the server
  const uint64_t began_in_;
  bool has_begun_ = false;
  std::string error_;
  friend struct TlsWire;
  std::string_view in_;         // during take(): bytes that OpenSSL has not read yet
  std::string* out_ = nullptr;  // the destination of OpenSSL's output
};

/// The certificate and the key of a server, and the CAs of its clients. Thread-safe.
class TlsServer {
 public:
  /// Loads the files for new connections. Without files.cert, TLS is off. An error changes nothing. Clients can resume sessions
  /// from before, unless the CAs have changed.
  Result<void> load(const TlsFiles& files);

  bool is_on() const { return is_on_; }

  struct Handshakes {
    long all = 0;
    long resumed = 0;  // part of `all`; a resumed handshake is cheap
  };
  /// Since the last load().
  Handshakes handshakes() const;

  /// A session for a new connection; nullptr when TLS is off or memory is exhausted. The server must outlive its sessions.
  std::unique_ptr<TlsSession> accept() const;

 private:
  std::atomic<bool> is_on_ = false;
  std::atomic<uint64_t> generation_ = 0;  // number of successful load() calls
  mutable std::mutex mutex_;
  std::shared_ptr<ssl_ctx_st> context_;                // guarded by mutex_
  std::string ca_file_;                                // guarded by mutex_
  std::vector<std::shared_ptr<x509_st>> authorities_;  // guarded by mutex_; the content of ca_file_
};

/// What a client's verification found in the server's certificate.
struct ServerCertificate {
  std::string ca_file;  // set by the caller, for `error`
  std::string names;
  std::string error;  // "" when OpenSSL accepts the certificate; OpenSSL does not check the host name here
};

/// Makes the SSL_CTX, of libcurl for instance, fill `found` for each connection. `found` must outlive the context.
void watch_server_certificate(ssl_ctx_st* context, ServerCertificate& found);

}  // namespace ops
