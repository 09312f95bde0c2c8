#include "common/tls/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <utility>

namespace ops {

void ignore_system_openssl_config() { OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr); }

namespace {

constexpr char kHandshakeRecord = '\x16';
constexpr unsigned char kSessionContext[] = "ops-meta";
constexpr size_t kTicketKeys = 80;  // bytes of OpenSSL's ticket keys

std::string last_error() {
  const unsigned long error = ERR_get_error();
  const char* reason = ERR_reason_error_string(error);
  ERR_clear_error();
  return reason == nullptr ? "the client closed the connection" : reason;
}

/// The ex_data indexes of our pointers in an SSL and in an SSL_CTX.
int session_index() {
  static const int kIndex = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return kIndex;
}
int context_index() {
  static const int kIndex = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return kIndex;
}

SSL* session_of(X509_STORE_CTX* verification) {
  return static_cast<SSL*>(X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
}

}  // namespace

/// A BIO that reads and writes the memory of a session in place of a socket.
struct TlsWire {
  static int read(BIO* bio, char* to, int size) {
    std::string_view& in = static_cast<TlsSession*>(BIO_get_data(bio))->in_;
    BIO_clear_retry_flags(bio);
    if (in.empty()) {
      BIO_set_retry_read(bio);
      return -1;
    }
    const size_t n = in.copy(to, static_cast<size_t>(size));
    in.remove_prefix(n);
    return static_cast<int>(n);
  }

  static int write(BIO* bio, const char* from, int size) {
    static_cast<TlsSession*>(BIO_get_data(bio))->out_->append(from, static_cast<size_t>(size));
    return size;
  }

  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static BIO* make(TlsSession* session) {
    static BIO_METHOD* const kMethod = [] {
      BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "a session's bytes");
      BIO_meth_set_read(method, read);
      BIO_meth_set_write(method, write);
      BIO_meth_set_ctrl(method, control);
      return method;
    }();
    BIO* bio = BIO_new(kMethod);
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    return bio;
  }

  static int verify(int is_good, X509_STORE_CTX* verification) {
    auto* session = static_cast<TlsSession*>(SSL_get_ex_data(session_of(verification), session_index()));
    if (is_good == 0 && session->error_.empty()) session->error_ = explain_refusal(verification, session->ca_file_);
    return is_good;
  }
};

// ---- TlsSession ----

TlsSession::TlsSession(SSL* ssl, std::string ca_file, const std::atomic<uint64_t>& generation)
    : ssl_(ssl, &SSL_free), ca_file_(std::move(ca_file)), generation_(&generation), began_in_(generation) {
  BIO* bio = TlsWire::make(this);
  SSL_set_bio(ssl, bio, bio);
  SSL_set_ex_data(ssl, session_index(), this);
  SSL_set_accept_state(ssl);
}

TlsSession::~TlsSession() = default;

TlsSession::Verdict TlsSession::take(std::string_view bytes, std::string& text, std::string& out) {
  if (!std::exchange(has_begun_, true) && bytes.front() != kHandshakeRecord) return Verdict::no_tls;
  in_ = bytes;
  out_ = &out;
  std::array<char, 16 << 10> record;
  for (;;) {
    ERR_clear_error();
    const int n = SSL_read(ssl_.get(), record.data(), static_cast<int>(record.size()));
    if (n > 0) {
      text.append(record.data(), static_cast<size_t>(n));
      continue;
    }
    switch (SSL_get_error(ssl_.get(), n)) {
      case SSL_ERROR_WANT_READ: return Verdict::good;
      case SSL_ERROR_ZERO_RETURN: return Verdict::ended;
      default:
        if (error_.empty()) error_ = last_error();
        return Verdict::broken;
    }
  }
}

void TlsSession::encrypt(std::string_view text, std::string& out) {
  out_ = &out;
  ERR_clear_error();
  if (!text.empty()) SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size()));  // writes to memory, so never partially
}

void TlsSession::end(std::string& out) {
  out_ = &out;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
}

std::vector<std::string> TlsSession::client_names() const {
  const X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  return certificate == nullptr ? std::vector<std::string>() : host_names_of(certificate);
}

// ---- TlsServer ----

namespace {

using Context = std::shared_ptr<SSL_CTX>;

/// Refuses a ticket when the client's certificate has expired. OpenSSL checks the certificate only in a full handshake.
SSL_TICKET_RETURN check_ticket(SSL*, SSL_SESSION* session, const unsigned char*, size_t, SSL_TICKET_STATUS status, void*) {
  if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) return SSL_TICKET_RETURN_IGNORE_RENEW;
  const X509* client = SSL_SESSION_get0_peer(session);
  if (client != nullptr && X509_cmp_current_time(X509_get0_notAfter(client)) < 0) return SSL_TICKET_RETURN_IGNORE_RENEW;
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

Result<Context> make_context(const Credentials& credentials, const std::string& cert_file) {
  const Context context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  if (!context) return Error{cat("OpenSSL: ", last_error())};
  SSL_CTX* raw = context.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  // A poll is one handshake and one request. The hash dominates its cost, and SHA-256 costs half of SHA-384.
  SSL_CTX_set_ciphersuites(raw, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);
  // Clients keep their sessions in tickets: the server stores no state for its million hosts.
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(raw, kSessionContext, sizeof kSessionContext - 1);
  SSL_CTX_set_num_tickets(raw, 1);
  const auto& chain = credentials.chain;
  ERR_clear_error();
  bool is_taken = SSL_CTX_use_certificate(raw, chain[0].get()) == 1 && SSL_CTX_use_PrivateKey(raw, credentials.key.get()) == 1;
  for (size_t i = 1; i < chain.size() && is_taken; ++i) is_taken = SSL_CTX_add1_chain_cert(raw, chain[i].get()) == 1;
  if (!is_taken) return Error{cat(cert_file, ": OpenSSL rejects it: ", last_error())};
  if (credentials.authorities.empty()) return context;
  // A client without a certificate is accepted here: the HTTP handler refuses its request with an explanation.
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, TlsWire::verify);
  SSL_CTX_set_session_ticket_cb(raw, nullptr, check_ticket, nullptr);
  for (const auto& authority : credentials.authorities) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(raw), authority.get());
    SSL_CTX_add_client_CA(raw, authority.get());
  }
  return context;
}

using Authorities = std::vector<std::shared_ptr<X509>>;

bool is_same(const Authorities& one, const Authorities& other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](const auto& a, const auto& b) { return X509_cmp(a.get(), b.get()) == 0; });
}

void copy_ticket_keys(SSL_CTX* from, SSL_CTX* to) {
  std::array<unsigned char, kTicketKeys> keys;
  if (SSL_CTX_get_tlsext_ticket_keys(from, keys.data(), keys.size()) == 1) {
    SSL_CTX_set_tlsext_ticket_keys(to, keys.data(), keys.size());
  }
}

}  // namespace

Result<void> TlsServer::load(const TlsFiles& files) {
  auto credentials = read_credentials(files);
  if (!credentials) return credentials.error();
  Context context;
  if (!credentials->chain.empty()) {
    auto made = make_context(*credentials, files.cert);
    if (!made) return made.error();
    context = std::move(*made);
  }
  const std::lock_guard lock(mutex_);
  if (context && context_ && is_same(authorities_, credentials->authorities)) copy_ticket_keys(context_.get(), context.get());
  context_ = std::move(context);
  ca_file_ = files.ca;
  authorities_ = std::move(credentials->authorities);
  is_on_ = context_ != nullptr;
  ++generation_;
  return {};
}

std::unique_ptr<TlsSession> TlsServer::accept() const {
  const std::lock_guard lock(mutex_);
  SSL* ssl = context_ ? SSL_new(context_.get()) : nullptr;
  return ssl == nullptr ? nullptr : std::unique_ptr<TlsSession>(new TlsSession(ssl, ca_file_, generation_));
}

TlsServer::Handshakes TlsServer::handshakes() const {
  const std::lock_guard lock(mutex_);
  if (!context_) return {};
  return {SSL_CTX_sess_accept_good(context_.get()), SSL_CTX_sess_hits(context_.get())};
}

// ---- the client side ----

namespace {

int verify_server(int is_good, X509_STORE_CTX* verification) {
  SSL_CTX* context = SSL_get_SSL_CTX(session_of(verification));
  auto& found = *static_cast<ServerCertificate*>(SSL_CTX_get_ex_data(context, context_index()));
  if (X509_STORE_CTX_get_error_depth(verification) == 0) {
    found.names = name_list_of(X509_STORE_CTX_get_current_cert(verification));
  }
  if (is_good == 0 && found.error.empty()) found.error = explain_refusal(verification, found.ca_file);
  return is_good;
}

}  // namespace

void watch_server_certificate(SSL_CTX* context, ServerCertificate& found) {
  SSL_CTX_set_ex_data(context, context_index(), &found);
  SSL_CTX_set_verify(context, SSL_CTX_get_verify_mode(context), verify_server);
}

}  // namespace ops
