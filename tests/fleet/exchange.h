#pragma once

// Requests under way: sends each one, reads its reply, keeps or closes the connection. It knows nothing of hosts.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fleet/reply.h"
#include "tests/fleet/sockets.h"
#include "tests/support/tls_client.h"

namespace ops::fleet {

struct Request {
  uint32_t host = 0;
  int64_t due_us = 0;
  bool hold = false;  // keep silent after the reply, until the server hangs up or `hold_us` have passed
  bool retried = false;
};

struct Reply {
  std::string error;  // the kind; "" when there is a whole reply
  ReplyHead head;
  std::string_view body;  // as long as the callback takes
};

enum class Tls {
  none,
  resumed,  // new connections resume sessions of old ones
  full      // each makes a full handshake
};

class Exchanges {
 public:
  /// Called once for each request, when it has ended; it may start the next one.
  using Done = std::function<void(const Request& request, const Reply& reply)>;
  /// Makes the request's bytes; called again when a kept connection turns out to be gone.
  using Render = std::function<void(const Request& request, std::string& to)>;

  struct Limits {
    bool keep = false;
    size_t max_open = 1000;
    int64_t timeout_us = 20'000'000;
    int64_t hold_us = 60'000'000;
    Tls tls = Tls::none;
  };

  Exchanges(const Target& target, const Limits& limits, Render render, Done done);
  ~Exchanges();
  Exchanges(const Exchanges&) = delete;
  Exchanges& operator=(const Exchanges&) = delete;

  /// Makes the TLS clients of the first connections beforehand, with a session that `first` leaves if they are to resume one:
  /// elsewhere, a million machines make them.
  void prepare(size_t count, const Request& first);

  /// Whether one more may start now.
  bool has_room() const { return !idle_.empty() || open_ < limits_.max_open; }
  void start(const Request& request, int64_t now);

  /// Waits for replies for so long at most, and takes them.
  void poll(int64_t timeout_us);
  /// Ends what has taken too long. To be called now and then.
  void expire(int64_t now);

  size_t under_way() const { return under_way_; }
  size_t open() const { return open_; }
  size_t most_open() const { return most_open_; }
  uint64_t opened() const { return opened_; }
  /// Of these, the ones that resumed a TLS session.
  uint64_t resumed() const { return resumed_; }

 private:
  enum class State : uint8_t { free, sending, waiting, idle, holding };
  struct Connection {
    int fd = -1;
    uint32_t generation = 0;  // of the slot: an event of its last user is none of ours
    State state = State::free;
    bool reused = false;
    bool watched_for_writing = false;
    int64_t since_us = 0;
    Request request;
    std::string out;  // what the socket didn't take yet
    std::string in;   // of a reply that came in pieces
    std::unique_ptr<tests::TlsClient> tls;
  };

  void open_connection(uint32_t index);
  void send(uint32_t index, std::string_view bytes);
  void receive(uint32_t index);
  void unseal(uint32_t index, std::string_view bytes);
  void take_text(uint32_t index, std::string_view bytes, bool ended);
  void take(uint32_t index, std::string_view bytes, bool ended);
  void finish(uint32_t index, const Reply& reply);
  void fail(uint32_t index, const std::string& kind);
  void hung_up(uint32_t index, const std::string& kind);
  void watch(uint32_t index, bool for_writing, bool is_new);
  void close(uint32_t index);

  const Target target_;
  const Limits limits_;
  const Render render_;
  const Done done_;
  Dialer dialer_;
  tests::TlsClients tls_clients_;
  int epoll_ = -1;
  std::vector<Connection> connections_;
  std::vector<uint32_t> free_;
  std::vector<uint32_t> idle_;
  std::string request_bytes_;
  std::string sealed_;    // what is to be sent under TLS
  std::string unsealed_;  // what came
  std::vector<char> buffer_;
  size_t under_way_ = 0;
  size_t open_ = 0;
  size_t most_open_ = 0;
  uint64_t opened_ = 0;
  uint64_t resumed_ = 0;
};

}  // namespace ops::fleet
