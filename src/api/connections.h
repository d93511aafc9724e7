// The connections to services, as the API lists them: some at a time, those that are asked for.
//
// The table may have millions, and changes all the time. A list is what stood in each place of it
// when that was looked at: what comes or goes meanwhile may or may not be in it, nothing else is
// missing, and nothing is in it twice.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api/backend.h"
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
absl::StatusOr<ConnectionQuery> ParseConnectionQuery(const ApiParameters& parameters);

// One search, in turns: the control thread has other duties too.
class ConnectionSearch {
 public:
  // `service` has the address of the query's, if there is one.
  ConnectionSearch(const ConnectionQuery& query, std::optional<Ipv4Address> service)
      : query_(query), service_(service), next_(query.start) {}

  // Looks at some more places, well within a millisecond or two; false = that was all. To be called
  // until then. The control thread. Errors: NotFound (the pod isn't on the node).
  absl::StatusOr<bool> Step(const Node& node);

  // {"items": [...], "next": where another search may go on, or null, "in_use", "capacity"}: after
  // the last step. Any thread.
  nlohmann::ordered_json Take() &&;

 private:
  struct Row {
    FlowKey original;
    FlowKey translated;
    ConnectionState state;
    uint32_t idle_ticks;
    std::string client_pod, backend_pod, service;  // empty if there is none
  };
  bool Matches(const Connection& connection) const;

  const ConnectionQuery query_;
  const std::optional<Ipv4Address> service_;
  std::vector<Ipv4Address> pod_;  // its addresses
  std::vector<Row> rows_;
  uint32_t next_;
  uint32_t capacity_ = 0;
  uint64_t in_use_ = 0;
};

}  // namespace podwarp
