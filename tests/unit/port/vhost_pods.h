// Pods with vhost-user ports, and what serves them as in podwarp itself: one worker in a thread of
// its own, and a control thread that opens a port anew when it is gone for good.
//
// Thread rule: the test's thread.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "control/address_owners.h"
#include "control/worker_set.h"
#include "podwarp/dataplane/event.h"
#include "podwarp/net/ip_address.h"
#include "podwarp/net/mac_address.h"
#include "port/vhost_backend.h"

namespace podwarp::test {

struct VhostPod {
  std::string socket;  // podwarp listens there
  MacAddress mac;
  Ipv4Address address;
  uint16_t queues = 1;
};

class VhostPods {
 public:
  VhostPods(MacAddress gateway_mac, std::vector<VhostPod> pods);
  ~VhostPods();

  // Whether the worker sends to the pod: by number, as they were given.
  bool IsUp(size_t pod) const { return tables_.ports.IsUp(pods_[pod].port); }
  // What the worker dropped, and why: "port_down 3, ...".
  std::string Drops() const;
  // Ports that were opened anew.
  uint64_t reopened() const { return reopened_; }

 private:
  struct Open {
    VhostPod pod;
    std::atomic<PortId> port = kNoPort;
  };

  void Add(Open& open);
  void Remove(Open& open);
  void Control();

  const MacAddress gateway_mac_;
  Tables tables_;
  AddressOwners owners_;
  EventRing events_;
  VhostBackend backend_;
  std::unique_ptr<WorkerSet> workers_;
  std::deque<Open> pods_;
  uint64_t generation_ = 1;
  std::atomic<uint64_t> reopened_{0};
  std::atomic<bool> stop_{false};
  std::thread worker_;
  std::thread control_;
};

}  // namespace podwarp::test
