// Tells the log of drops that somebody has to do something about: a pod that sends with others'
// addresses, a port that can't keep up, a table or pool that is full.
//
// Of other reasons nothing is said. Some any guest or caller may have as often as it likes, without
// a fault of this node (no_route, ttl_expired, multicast, service_no_backend): the counters are for
// these. Others have lines of their own: arp_conflict, and port_down, whose port says why.
//
// Thread rule: the control thread.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "control/log_limit.h"
#include "control/node.h"
#include "podwarp/dataplane/drop_reason.h"

namespace podwarp {

class DropWatch {
 public:
  // `node` outlives it.
  explicit DropWatch(const Node* node);

  // To be called every few milliseconds; looks every kLook. A port and reason have a line at once,
  // then one a minute, as long as more is dropped.
  void Tick(absl::Time now);

  static constexpr absl::Duration kLook = absl::Seconds(2);

 private:
  using Counts = std::array<uint64_t, kDropReasons>;
  struct Watched {
    std::string name;  // of who was behind the port at the last look
    Counts told{};     // frames that need no line any more
  };

  // What was counted before is nobody's that is here: it could be of a port's former owner.
  void MeetNewPorts();
  void LookAtPorts(DropReason reason, std::string_view what, absl::Time now);
  void LookAtNode(DropReason reason, std::string_view what, absl::Time now);
  void LookAtConnections();
  uint64_t Count(PortId port, DropReason reason) const;
  uint64_t CountAll(DropReason reason) const;

  const Node& node_;
  LogLimit limit_;
  absl::Time next_look_ = absl::InfinitePast();
  std::vector<Watched> ports_;  // by PortId
  Counts told_{};               // of the whole node
  Counts looked_{};             // of the whole node: ports have no more than what was told then
  bool are_connections_many_ = false;
};

}  // namespace podwarp
