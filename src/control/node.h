// This node: its ports, pods and peers, and what is published about them.
//
// Thread rule: the control thread. Nothing here reads a clock: the caller says what time it is.
#pragma once

#include <rte_mempool.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "control/address_owners.h"
#include "control/announcer.h"
#include "control/changes.h"
#include "control/config.h"
#include "control/log_limit.h"
#include "control/neighbors.h"
#include "control/port_factory.h"
#include "control/port_totals.h"
#include "control/services.h"
#include "control/worker_set.h"
#include "podwarp/dataplane/event.h"

namespace podwarp {

class Node {
 public:
  struct PodRecord {
    PodConfig config;
    PortId port = kNoPort;
    std::string why_down;                            // while there is no port: why not
    absl::Time last_seen = absl::InfinitePast();     // its last announcement of its own address
    absl::Time last_arrival = absl::InfinitePast();  // its last word that it has moved here
    uint64_t conflicts = 0;                          // that it was the author of
    absl::Time next_try;                             // to open the port
  };

  // All pointers outlive the node.
  Node(const Config* config, Tables* tables, PortFactory* ports, WorkerSet* workers,
       EventRing* events, rte_mempool* pool);

  // Opens the ports and publishes everything. A pod whose port can't be opened is tried again from
  // time to time. Errors: those of an uplink or the host port.
  absl::Status Start(absl::Time now);
  // Handles what workers reported and what is due. To be called every few milliseconds.
  void Tick(absl::Time now);
  // Makes one change, of those that ChangesBetween() knows, while frames are forwarded. A pod whose
  // port can't be opened is there, and tried again from time to time. Errors: FailedPrecondition if
  // what is to change isn't there, or is already; ResourceExhausted. Nothing is changed then, but
  // for an address of several that found no room.
  absl::Status Apply(const Change& change, absl::Time now);
  void SetHairpinMode(HairpinMode mode);
  // Lets go of all ports, for good. Frames still on their way are lost.
  void Stop();

  // --- For reports. ---
  // As podwarp was started with it: objects and the hairpin mode may be others by now.
  const Config& config() const { return config_; }
  const std::map<std::string, PodRecord>& pods() const { return pods_; }  // by namespace/name
  const std::map<std::string, RemoteNodeConfig>& remote_nodes() const { return remote_nodes_; }
  const std::map<std::string, ServiceConfig>& services() const { return services_.all(); }
  const AddressOwners& owners() const { return owners_; }
  const Neighbors& neighbors() const { return neighbors_; }
  const Tables& tables() const { return tables_; }
  const WorkerSet& workers() const { return workers_; }
  // What a worker has counted for a port that is there.
  PortTotals TotalsOf(PortId port, size_t worker) const {
    return totals_.Of(port, workers_, worker);
  }
  // The MAC that frames for the remote node go to; unset while it is unknown.
  std::optional<MacAddress> MacOf(const RemoteNodeConfig& node) const;

 private:
  struct Uplink {
    PortId port;
    const UplinkConfig* config;
  };

  absl::Status OpenUplinks(absl::Time now);
  absl::Status OpenHostPort();
  absl::Status PublishRanges();
  absl::Status PublishRouters(absl::Time now);
  void PublishSettings();
  absl::StatusOr<PortId> AddPort(absl::StatusOr<std::unique_ptr<Port>> port);

  absl::Status ApplyPod(const PodConfig* before, const PodConfig* after, absl::Time now);
  void ComePod(const PodConfig& config, absl::Time now);
  void ChangePod(PodRecord& pod, const PodConfig& after, absl::Time now);
  void OpenPod(PodRecord& pod, absl::Time now);
  absl::Status PublishPod(const PodRecord& pod);
  absl::Status ClaimAddresses(const PodConfig& config);
  void ClosePod(PodRecord& pod);
  // Its port has to be given up; another try is made later.
  void LosePod(PodRecord& pod, const std::string& why, absl::Time now);
  void AnnouncePod(const PodConfig& pod, absl::Time now);

  absl::Status ApplyNode(const RemoteNodeConfig* before, const RemoteNodeConfig* after,
                         absl::Time now);
  absl::Status ComeNode(const RemoteNodeConfig& node, absl::Time now);
  absl::Status ChangeNode(const RemoteNodeConfig& before, const RemoteNodeConfig& after,
                          absl::Time now);
  absl::Status MoveNode(const RemoteNodeConfig& before, const RemoteNodeConfig& after,
                        absl::Time now);
  absl::Status ClaimRanges(const RemoteNodeConfig& node);
  bool IsAskedByAnother(Ipv4Address address, const std::string& name) const;
  void StopAsking(const RemoteNodeConfig& node);
  void ForgetStranger(Ipv4Address address);
  absl::Status SetRoute(const RouteConfig& route);
  absl::Status ApplyService(const ServiceConfig* before, const ServiceConfig* after,
                            absl::Time now);

  void Handle(const Event& event, absl::Time now);
  void HandleAnswer(const Event& event, absl::Time now);
  void TellAnswer(const Neighbors::Neighbor& before, const Event& event, absl::Time now);
  void TellSilence(Ipv4Address address, absl::Time now);
  void HandleWanted(const Event& event, absl::Time now);
  void HandleConflict(const Event& event, absl::Time now);
  void HandleArrival(const Event& event, absl::Time now);
  void CheckPorts(absl::Time now);
  void TellState(PortId id, const PortState& state, absl::Time now);
  void SendDue(absl::Time now);
  void Send(PortId port, rte_mbuf* frame, absl::Time now);

  // An owner "name" whose MAC is asked for on the uplink's segment.
  absl::Status AddNeighbor(const std::string& name, Ipv4Address address, PortId uplink,
                           bool is_configured, absl::Time now);
  Adjacency AdjacencyVia(PortId uplink, NextHopKind kind, const MacAddress& mac) const;
  PodRecord* PodBehind(PortId port);
  const Uplink* UplinkNamed(const std::string& name) const;

  const Config& config_;
  Tables& tables_;
  PortFactory& port_factory_;
  WorkerSet& workers_;
  EventRing& events_;
  rte_mempool* const pool_;

  HairpinMode hairpin_mode_;
  AddressOwners owners_;
  Services services_;
  Neighbors neighbors_;
  Announcer announcer_;
  std::map<std::string, PodRecord> pods_;
  std::map<std::string, RemoteNodeConfig> remote_nodes_;
  PortTotalsTable totals_;
  std::vector<Uplink> uplinks_;
  PortId host_port_ = kNoPort;
  absl::flat_hash_map<Ipv4Address, std::string> neighbor_names_;  // -> name in owners_
  std::string router_name_;  // in owners_; empty if no uplink has a router
  uint64_t generation_ = 1;
  bool has_closed_ports_ = false;  // that a worker may still use
  absl::Time last_port_check_ = absl::InfinitePast();
  // What was seen of each port: empty = up. And how often that has changed since the log's last
  // line about it.
  struct Seen {
    std::string why_down = "not looked at yet";
    uint64_t changes = 0;
  };
  std::map<PortId, Seen> seen_;
  // A guest that reboots some times is told of at once.
  LogLimit log_limit_{{.burst = 3}};
};

}  // namespace podwarp
