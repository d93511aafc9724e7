// Virtual services: an address, a protocol and a port that no machine has, and the backends that
// stand behind it.
//
//   Writer:   the control thread.
//   Readers:  workers.
//   Publish:  an immutable Service, swapped whole. What a connection has to know about its backend
//             later is one word of the backend's own (BackendState).
//   Reclaim:  the old Service after a grace period. A backend's number may be used again at once:
//             its generation tells the old one from the new.
//
// The Maglev ring of a service (maglev.h) spreads new connections over its ready backends; who is
// connected already is for connection_table.h to know.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "podwarp/net/byte_order.h"
#include "podwarp/net/ip_address.h"
#include "podwarp/net/ip_prefix.h"
#include "podwarp/table/backend_filter.h"
#include "podwarp/table/maglev.h"
#include "podwarp/table/rcu.h"
#include "podwarp/table/table_memory.h"

namespace podwarp {

// An address and a port of a protocol: a service's own, or a backend's.
struct Endpoint {
  Ipv4Address address;
  Be16 port{};
  uint8_t protocol = 0;  // IpProtocol
  uint8_t unused = 0;

  // All that it is, as it stands in memory.
  uint64_t word() const {
    uint64_t word;
    std::memcpy(&word, this, sizeof(word));
    return word;
  }

  friend bool operator==(const Endpoint& a, const Endpoint& b) { return a.word() == b.word(); }
  template <typename H>
  friend H AbslHashValue(H h, const Endpoint& endpoint) {
    return H::combine(std::move(h), endpoint.word());
  }
};
static_assert(sizeof(Endpoint) == 8);

// One backend of one service, for as long as that service has it. The same endpoint behind another
// service, or come back after it was gone, is another.
struct BackendId {
  uint32_t number = 0;
  uint32_t generation = 0;  // never 0 for a backend that was ever there

  friend bool operator==(const BackendId&, const BackendId&) = default;
};

enum class BackendState : uint8_t {
  kGone,         // its connections end
  kTerminating,  // keeps its connections, and gets no new ones
  kReady,
};

// The ready ones of some backends, and how new connections are spread over them.
struct BackendChoice {
  struct Backend {
    Endpoint endpoint;
    BackendId id;
  };
  std::vector<Backend> ready;
  MaglevRing ring;  // over `ready`; empty if nobody is ready

  // Where a new connection goes; nullptr if nobody is ready.
  const Backend* Pick(uint64_t hash) const {
    return ready.empty() ? nullptr : &ready[ring.Pick(hash)];
  }
  bool Has(BackendId id) const;
};

// Which backends a call may go to.
enum class BackendScope : uint8_t {
  kNone,   // there is no service for such callers
  kAll,    // any
  kLocal,  // those on this node
};

struct Service {
  std::string name;  // "default/web:http"
  Endpoint endpoint;
  BackendScope inside = BackendScope::kAll;    // for pods of this node and the node itself
  BackendScope outside = BackendScope::kNone;  // for callers on the wire,
  std::vector<Ipv4Prefix> source_ranges;       // those of them in here; empty = all
  BackendChoice all;
  BackendChoice local;  // nobody unless a scope is kLocal
  // For how many ticks (connection_table.h) after its last new connection a client keeps its
  // backend; 0 = not at all.
  uint32_t affinity_ticks = 0;

  BackendScope ScopeFor(bool is_from_wire) const { return is_from_wire ? outside : inside; }
  const BackendChoice& Of(BackendScope scope) const {
    return scope == BackendScope::kLocal ? local : all;
  }
};

class ServiceTable {
 public:
  // Room for backends of all services; address space for it is reserved once.
  static constexpr uint32_t kMaxBackends = uint32_t{1} << 20;

  explicit ServiceTable(Rcu* rcu);
  ~ServiceTable();
  ServiceTable(const ServiceTable&) = delete;
  ServiceTable& operator=(const ServiceTable&) = delete;

  // --- Readers. ---
  // False: there is no service at all, and nothing below needs to be asked.
  bool any() const { return any_.load(std::memory_order_relaxed); }
  // nullptr if there is none. Valid until the next quiescent state.
  const Service* Find(const Endpoint& endpoint) const;
  BackendState StateOf(BackendId id) const {
    const uint32_t word = backends_[id.number].load(std::memory_order_acquire);
    return word >> 2 == id.generation ? static_cast<BackendState>(word & 3) : BackendState::kGone;
  }
  // Whether a frame from there may be a backend's answer: true for every backend of any service,
  // ready or terminating, and by chance for one in 16 of the others. A multiplication and a load.
  bool MayBeBackend(const Endpoint& endpoint) const { return filter_.MayHave(endpoint.word()); }

  // --- The writer. ---
  struct BackendSpec {
    Ipv4Address address;
    Be16 port;
    bool is_terminating = false;
    bool is_local = false;  // on this node

    friend bool operator==(const BackendSpec&, const BackendSpec&) = default;
  };
  struct ServiceSpec {
    std::string name;
    Endpoint endpoint;
    std::vector<BackendSpec> backends;  // each address and port once
    uint32_t affinity_ticks = 0;
    BackendScope inside = BackendScope::kAll;
    BackendScope outside = BackendScope::kNone;
    std::vector<Ipv4Prefix> source_ranges;

    friend bool operator==(const ServiceSpec&, const ServiceSpec&) = default;
  };
  // Whether there is room for all of these at once, what they replace still there. Errors:
  // ResourceExhausted that names the service (kMaxBackends, or more than MaglevRing::kMaxBackends
  // of its own), InvalidArgument (a backend twice).
  absl::Status Check(std::span<const ServiceSpec> specs) const;
  // Adds the service, or puts it in the place of the one with this endpoint: backends that both
  // have keep their identity. Errors: those of Check(), with nothing changed.
  absl::Status Set(const ServiceSpec& spec);
  // Its backends are gone with it. Errors: NotFound.
  absl::Status Remove(const Endpoint& endpoint);

  size_t size() const { return entries_.size(); }              // services
  uint32_t backend_count() const { return backends_in_use_; }  // of all of them

 private:
  struct Index;  // by endpoint
  using Backends = absl::flat_hash_map<Endpoint, BackendId>;
  struct Entry {
    const Service* service = nullptr;
    Backends backends;  // terminating ones too
  };

  void Publish(const Service* service);
  void Rebuild();
  BackendId NewBackend(const Endpoint& endpoint);
  void EndBackend(const Endpoint& endpoint, BackendId id);
  void SetState(BackendId id, BackendState state);

  Rcu* const rcu_;
  TableMemory memory_;
  std::atomic<uint32_t>* const backends_;  // by BackendId::number: generation << 2 | BackendState
  std::atomic<bool> any_ = false;
  std::atomic<const Index*> index_;
  BackendFilter filter_;

  // The writer's own.
  absl::flat_hash_map<Endpoint, Entry> entries_;
  std::vector<uint32_t> free_numbers_;
  uint32_t next_number_ = 0;  // never used so far, as are those after it
  uint32_t backends_in_use_ = 0;
};

}  // namespace podwarp
