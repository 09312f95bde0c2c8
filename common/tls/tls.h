#pragma once

// TLS for the HTTP server, 1.2 and later, by OpenSSL. A session turns one side's bytes into the other's, and knows no sockets:
// so the server's loops stay as they are, and no record is left behind in a buffer that epoll doesn't see.

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

/// The server's end of one connection.
class TlsSession {
 public:
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  enum class Verdict {
    good,
    ended,   // the client said so
    no_tls,  // it speaks something else, plain HTTP say
    broken   // see trouble(); what is in `out` tells the client
  };

  /// Takes what the client sent: appends what that says to `text`, and what it must be told in return to `out`.
  Verdict take(std::string_view bytes, std::string& text, std::string& out);

  /// Appends `text` to `out`, as the client is to get it. Only after the first `text` has been taken.
  void encrypt(std::string_view text, std::string& out);
  /// Appends that there is no more to come.
  void end(std::string& out);

  const std::string& trouble() const { return trouble_; }

  /// Whether the server has taken up other files since; those may not let this client in.
  bool is_outdated() const { return *generation_ != began_in_; }

  /// The names of the client's certificate, when it showed one; that is then one of the CA's.
  std::vector<std::string> client_names() const;

 private:
  friend class TlsServer;
  TlsSession(ssl_st* ssl, std::string ca_file, const std::atomic<uint64_t>& generation);

  const std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
  const std::string ca_file_;
  const std::atomic<uint64_t>* const generation_;  // the server's
  const uint64_t began_in_;
  bool has_begun_ = false;
  std::string trouble_;
  friend struct TlsWire;
  std::string_view in_;         // while take() runs: what OpenSSL has not read yet
  std::string* out_ = nullptr;  // where it writes
};

/// Certificate and key of a server, and whose clients' certificates it takes. Synchronises itself.
class TlsServer {
 public:
  /// Takes these files up, for connections from now on; without files.cert, TLS is off. An error changes nothing. Clients go on
  /// with the sessions that they have, unless it is another CA that they must come from now.
  Result<void> load(const TlsFiles& files);

  bool is_on() const { return is_on_; }

  struct Handshakes {
    long all = 0;
    long resumed = 0;  // of these: they cost little
  };
  /// Since the last load().
  Handshakes handshakes() const;

  /// nullptr when the host has no memory to give. Only when it is on. It outlives its sessions.
  std::unique_ptr<TlsSession> accept() const;

 private:
  std::atomic<bool> is_on_ = false;
  std::atomic<uint64_t> generation_ = 0;  // how often files were taken up
  mutable std::mutex mutex_;
  std::shared_ptr<ssl_ctx_st> context_;                // guarded by mutex_
  std::string ca_file_;                                // guarded by mutex_
  std::vector<std::shared_ptr<x509_st>> authorities_;  // guarded by mutex_; what was in ca_file_
};

/// What a client found out about a server's certificate.
struct ServerCertificate {
  std::string ca_file;
  std::string names;
  std::string trouble;  // "" when it is good, as far as OpenSSL looks: the host's name is not its business
};

/// Has an SSL_CTX, libcurl's say, fill `found` for each connection. `found` must outlive it.
void watch_server_certificate(ssl_ctx_st* context, ServerCertificate& found);

}  // namespace ops
