#include "tests/support/tls_client.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <utility>

namespace ops::tests {

TlsClients::TlsClients(bool resumes) : resumes_(resumes), context_(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free) {
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_app_data(context_.get(), this);
  SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context_.get(), keep);
}

TlsClients::~TlsClients() = default;

void TlsClients::prepare(size_t count) {
  for (size_t i = 0; i < count; ++i) {
    ready_.push_back(std::make_unique<TlsClient>(*this));
    ready_.back()->begin();
  }
}

std::unique_ptr<TlsClient> TlsClients::make() {
  if (ready_.empty()) return std::make_unique<TlsClient>(*this);
  auto client = std::move(ready_.back());
  ready_.pop_back();
  return client;
}

int TlsClients::keep(SSL* ssl, SSL_SESSION* session) {
  auto* all = static_cast<TlsClients*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  if (!all->resumes_) return 0;
  all->session_.reset(session, &SSL_SESSION_free);
  return 1;  // the callback took ownership of the session
}

TlsClient::TlsClient(TlsClients& all)
    : ssl_(SSL_new(all.context_.get()), &SSL_free), in_(BIO_new(BIO_s_mem())), out_(BIO_new(BIO_s_mem())) {
  BIO_set_mem_eof_return(in_, -1);
  SSL_set_bio(ssl_.get(), in_, out_);
  SSL_set_connect_state(ssl_.get());
  if (all.session_) SSL_set_session(ssl_.get(), all.session_.get());
}

// Without this, OpenSSL marks the session of a connection without a close_notify as not resumable.
TlsClient::~TlsClient() { SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); }

void TlsClient::begin() {
  ERR_clear_error();
  SSL_do_handshake(ssl_.get());
}

void TlsClient::send(std::string_view text, std::string& out) {
  ERR_clear_error();
  waiting_ += text;
  if (SSL_do_handshake(ssl_.get()) == 1 && !waiting_.empty()) {
    SSL_write(ssl_.get(), waiting_.data(), static_cast<int>(waiting_.size()));
    waiting_.clear();
  }
  flush(out);
}

bool TlsClient::receive(std::string_view bytes, std::string& text, std::string& out) {
  BIO_write(in_, bytes.data(), static_cast<int>(bytes.size()));
  send("", out);
  std::array<char, 16 << 10> record;
  for (;;) {
    ERR_clear_error();
    const int n = SSL_read(ssl_.get(), record.data(), static_cast<int>(record.size()));
    if (n > 0) {
      text.append(record.data(), static_cast<size_t>(n));
      continue;
    }
    flush(out);
    const int error = SSL_get_error(ssl_.get(), n);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_ZERO_RETURN;
  }
}

void TlsClient::flush(std::string& out) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(out_, &data);
  if (size > 0) out.append(data, static_cast<size_t>(size));
  BIO_reset(out_);
}

bool TlsClient::was_resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

}  // namespace ops::tests
