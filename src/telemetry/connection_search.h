// The connections to services, some at a time: those that are asked for.
//
// The table may have millions, and changes all the time. A list is what stood in each place of it
// when that was looked at: what comes or goes meanwhile may or may not be in it, nothing else is
// missing, and nothing is in it twice.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control/node.h"
#include "podwarp/table/connection_table.h"

namespace podwarp {

// What a request asks for. A connection has to be all of what is set.
struct ConnectionQuery {
  std::string pod;                     // client or backend, as KeyOf() has it
  std::string service;                 // as KeyOf() has it
  std::optional<Ipv4Address> address;  // the client's, the service's or the backend's
  std::optional<ConnectionState> state;
  bool is_affinity = false;  // of what clients keep their backends by, in place of connections
  uint32_t limit = 1'000;
  uint32_t start = 0;  // a place in the table
};
// Errors: InvalidArgument that names the parameter.
absl::StatusOr<ConnectionQuery> ParseConnectionQuery(
    const std::multimap<std::string, std::string>& parameters);

struct ConnectionReport {
  struct End {
    Ipv4Address address;
    uint16_t port = 0;  // 0 = it has none
    std::string name;   // of the pod or service there; empty if there is none
  };
  uint8_t protocol = 0;  // IpProtocol
  End client, service, backend;
  std::string_view state;   // "new", ...; "affinity"
  double idle_seconds = 0;  // in tenths
};

struct ConnectionPage {
  std::vector<ConnectionReport> connections;
  std::optional<uint32_t> next;  // where another search may go on; unset at the end
  uint64_t in_use = 0;           // places of the table, whatever was asked for
  uint32_t capacity = 0;
};

// One search, in turns: the control thread has other duties too.
class ConnectionSearch {
 public:
  explicit ConnectionSearch(const ConnectionQuery& query) : query_(query), next_(query.start) {}

  // Looks at some more places, well within a millisecond or two; false = that was all. To be called
  // until then. The control thread. Errors: NotFound (the node has no such pod or service).
  absl::StatusOr<bool> Step(const Node& node);

  // After the last step. Any thread.
  ConnectionPage Take() &&;

 private:
  absl::Status FindAddresses(const Node& node);
  bool Matches(const Connection& connection) const;

  const ConnectionQuery query_;
  std::vector<Ipv4Address> pod_, service_;  // addresses of those that are asked for
  ConnectionPage page_;
  uint32_t next_;
};

}  // namespace podwarp
