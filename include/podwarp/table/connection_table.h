// Connections: flows that a service translated, so that their frames keep their backend and find
// their way back.
//
//   Writer:   workers add and remove connections; the control thread expires them.
//   Readers:  workers; the control thread for reports.
//   Publish:  a slot's signature, stored with release order after all that it leads to.
//   Reclaim:  whoever unlinks a connection (exactly one does) clears its slots, then hands it to
//             the control thread, which lets it be used again after a grace period. Not earlier:
//             a grace period that began before the slots were clear would prove nothing.
//
// One table for all workers, since the two directions of a flow come in by different ports, and so
// mostly meet different workers.
//
// Theory of operation. A connection is one cache line of an array that never moves; it has both
// directions' keys. The index is an array of buckets, a cache line each, with 8 slots: a signature
// of 16 bits and a connection's number, with the direction. A key stands in one of two buckets: the
// first unless that one is full. So a frame of a connection mostly takes two cache lines, one of
// the bucket and one of the connection, and both are asked for ahead for a whole burst.
//
// Adding takes the lock of a bucket, which only workers take, and for some 100 ns. Everything else
// is without locks. A signature that is read while its slot changes hands leads to a connection
// with another key, which is found out by comparing, and connections are not reused before a grace
// period: so a lookup finds each key that is there throughout.
//
// Full: the control thread keeps a part free (1/16 of the capacity) and, when there is less,
// unlinks those that are idle for the longest, first among those that never were established. A
// worker that finds nothing free all the same adds nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "podwarp/net/flow_key.h"
#include "podwarp/table/rcu.h"
#include "podwarp/table/service_table.h"
#include "podwarp/table/table_memory.h"

namespace podwarp {

enum class ConnectionState : uint8_t {
  kFree,
  kNew,          // nothing came back yet
  kEstablished,  // both directions were seen
  kClosing,      // TCP: one side has sent its FIN
  kClosed,       // TCP: both sides have, or one has reset it
  kUnlinked,     // not to be found any more
};
std::string_view ToString(ConnectionState state);  // "new", "established", ...

enum class ConnectionKind : uint8_t {
  kFlow,      // whose client is a pod of this node, or the node itself
  kWireFlow,  // whose client is on the wire: translated, its frames go on as the node's own
  // A client's affinity: `original` is from the client's address, port 0, to the service;
  // `translated` is not used and not indexed.
  kAffinity,
};

// Time as connections know it: units of 2^kTickShift TSC cycles, some 30 to 60 ms, so that a busy
// connection's line is written only so often.
inline constexpr int kTickShift = 27;
inline uint32_t TickOf(uint64_t tsc) { return static_cast<uint32_t>(tsc >> kTickShift); }

struct alignas(64) Connection {
  // Never change while the connection can be found:
  FlowKey original;    // as the client sends it, to the service
  FlowKey translated;  // as the backend gets it
  BackendId backend;
  ConnectionKind kind = ConnectionKind::kFlow;
  uint8_t worker = 0;  // which added it
  // Change at any time, relaxed:
  std::atomic<ConnectionState> state = ConnectionState::kFree;
  // TCP: who has sent one, bit 0 the client, bit 1 the backend; bit 2: the backend has answered;
  // bits 3 and 4: how often the client was told that the backend is gone.
  std::atomic<uint8_t> fins = 0;
  std::atomic<uint32_t> last_used = 0;  // tick
  // What translation adds to a checksum, one's complement, as words stand in memory: of addresses,
  // and of addresses and ports. On the way back it is the complement.
  uint16_t address_delta = 0;
  uint16_t delta = 0;
  uint32_t affinity_ticks = 0;  // kAffinity: how long it lasts unused
  // The table's own:
  uint32_t next_unlinked = 0;           // the next of a list of numbers
  std::atomic<bool> is_linked = false;  // both keys can be found; who clears it unlinks it
};
static_assert(sizeof(Connection) == 64);

enum class Direction : uint8_t { kOriginal, kReply };

struct ConnectionTimeouts {  // in ticks
  uint32_t tcp_new, tcp_established, tcp_closing, tcp_closed;
  uint32_t tcp_tell_again;  // a client that its backend is gone
  uint32_t udp_new, udp_established;
  uint32_t sctp_new, sctp_established;
};

class ConnectionIndex;
class ConnectionNumbers;

class ConnectionTable {
 public:
  static constexpr uint32_t kMinCapacity = 16;
  static constexpr uint32_t kMaxCapacity = uint32_t{1} << 28;

  // Room for `capacity` connections, rounded up to a power of 2 and to kMinCapacity. Takes at most
  // BytesFor(capacity), as far as it is used. CHECKs that the address space can be had, that
  // `capacity` <= kMaxCapacity, and that 0 < `workers` < 255.
  ConnectionTable(Rcu* rcu, uint32_t capacity, uint32_t workers);
  // For a rehearsal by the control thread, of a few frames as worker 0: has what `behind` has, as
  // far as it is asked for it, and keeps all changes to itself. It is full when `behind` would be.
  // Nobody else uses it; `behind` outlives it.
  ConnectionTable(Rcu* rcu, ConnectionTable* behind);
  ~ConnectionTable();
  ConnectionTable(const ConnectionTable&) = delete;
  ConnectionTable& operator=(const ConnectionTable&) = delete;

  // Of the capacity rounded up: 64 bytes a connection, 32 for its slots (half of a bucket of 64
  // bytes, as half of the slots are in use then), 8 for the list of free ones. 4 Mi connections:
  // 416 MiB.
  static size_t BytesFor(uint32_t capacity);
  uint32_t capacity() const { return capacity_; }

  // --- Workers. What is found is valid until the next quiescent state. ---
  struct Found {
    Connection* connection = nullptr;  // nullptr: there is none
    Direction direction = Direction::kOriginal;
  };
  // `count` <= 64.
  void LookupBulk(const FlowKey* keys, Found* found, uint32_t count);
  Found Lookup(const FlowKey& key);

  enum class AddResult : uint8_t {
    kAdded,
    kExists,      // another worker has added `original` meanwhile: `connection` is that one
    kReplyTaken,  // another connection has the reply's key: `connection` is that one
    kFull,        // nothing free; no connection
  };
  struct Added {
    AddResult result;
    Connection* connection;
  };
  // What a connection begins with; deltas are computed.
  struct NewConnection {
    FlowKey original;
    FlowKey translated;
    BackendId backend;
    ConnectionKind kind = ConnectionKind::kFlow;
    uint32_t affinity_ticks = 0;
  };
  // Both directions can be found when it returns. `now` is a tick.
  Added Add(uint32_t worker, const NewConnection& connection, uint32_t now);
  // It can't be found any more when the one returns who was first to ask; any number of workers
  // may ask at once. Nothing happens to one that is just being added.
  void Remove(Connection* connection);

  // --- The control thread. ---
  // Looks at some of the connections, the next ones each time: unlinks what has timed out or whose
  // backend is gone, and what has to give way; gives back what was unlinked. To be called every 10
  // ms or so: then every connection is looked at every 4 s (of the first 6.5 million). A timeout is
  // never cut short.
  using StateOf = std::function<BackendState(BackendId)>;
  // The client of a TCP connection whose backend is gone may wait for an answer that never comes:
  // it has to be told, up to three times. False if it can't be now; another try is made in the next
  // round. Told, the connection counts as closed and stays for so long, so that what the client
  // says to it is known. Without such a function these connections are unlinked like others.
  using TellClient = std::function<bool(const Connection&)>;
  void Expire(uint32_t now, const ConnectionTimeouts& timeouts, const StateOf& state_of,
              const TellClient& tell_client = nullptr);

  struct Statistics {
    uint64_t added = 0;
    uint64_t expired = 0;    // timed out, closed, or their backend was gone
    uint64_t removed = 0;    // by workers
    uint64_t displaced = 0;  // gave way, since the table was full
    uint64_t in_use = 0;     // now, those among them that wait to be given back
  };
  Statistics statistics() const;
  // Looks at the numbers from `from` to `from` + `count` - 1, used or not, and calls `visit` for
  // each connection that can be found, until it returns false. Returns the number to go on with,
  // after the last one looked at; capacity() at the end.
  uint32_t ForEach(uint32_t from, uint32_t count,
                   const std::function<bool(const Connection&)>& visit) const;

 private:
  // A worker's; `removed` is counted where the connection was added.
  struct alignas(64) Counters {
    std::atomic<uint64_t> added = 0;
    std::atomic<uint64_t> undone = 0;  // somebody else was first, when it could be found already
    std::atomic<uint64_t> removed = 0;
    std::atomic<uint64_t> displaced = 0;
  };

  uint32_t NumberOf(const Connection& connection) const {
    return static_cast<uint32_t>(&connection - connections_);
  }
  Added Insert(uint32_t worker, const NewConnection& connection, uint32_t now);
  void Fill(Connection* connection, uint32_t worker, const NewConnection& wanted, uint32_t now);
  // Makes the connection be found by its key of this direction. kAdded, kExists (its key is taken)
  // or kFull.
  Added Link(Connection* connection, Direction direction, uint32_t now);
  // Of the connections in the buckets of this key, unlinks the one that is idle for the longest.
  bool MakeRoom(uint32_t worker, const FlowKey& key, uint32_t now);
  // False if somebody else did.
  bool Unlink(Connection* connection);
  void HandBack(Connection* connection);

  // connection_rehearsal.cc
  void Fetch(const FlowKey& key);
  bool HasRoomBehind() const;

  // connection_expiry.cc
  void ExpireSome(uint32_t count, uint32_t now, const ConnectionTimeouts& timeouts,
                  const StateOf& state_of, const TellClient& tell_client);
  bool IsOver(Connection* connection, uint32_t now, const ConnectionTimeouts& timeouts,
              const StateOf& state_of, const TellClient& tell_client) const;
  uint32_t DisplaceSome(uint32_t now, uint32_t most);
  uint32_t UnlinkAll(const uint32_t* numbers, uint32_t count);
  void Reclaim();
  void GiveBack(uint32_t first);
  Connection* Next();
  int64_t linked() const;

  Rcu* const rcu_;
  const uint32_t capacity_;
  TableMemory memory_;
  Connection* const connections_;
  const std::unique_ptr<ConnectionIndex> index_;
  const std::unique_ptr<ConnectionNumbers> numbers_;
  std::vector<Counters> counters_;  // by worker
  // What was unlinked and not seen by the control thread yet: a list through `next_unlinked`, put
  // to by anybody, taken as a whole.
  alignas(64) std::atomic<uint32_t> unlinked_;

  // The control thread's own.
  alignas(64) uint32_t hand_ = 0;  // the number that is looked at next
  uint64_t expired_ = 0;
  uint64_t displaced_ = 0;
  uint64_t given_back_ = 0;

  // A rehearsal's: where the rest is, and which ones of it were copied.
  ConnectionTable* const behind_ = nullptr;
  std::vector<const Connection*> fetched_;
};

}  // namespace podwarp
