// A well-behaved guest that has traffic with itself, by way of its router, and misses every frame
// that doesn't come back whole and in order.
//
// Thread rule: the thread that made it; the traffic is in a thread of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "podwarp/net/ip_address.h"
#include "podwarp/net/mac_address.h"
#include "support/virtio_peer.h"

namespace podwarp::test {

class Bystander {
 public:
  struct Names {
    MacAddress router;
    MacAddress mac;
    Ipv4Address address;
    Ipv4Address other;  // of somebody whom it sends some frames too, whatever becomes of them
  };

  // Connects to podwarp's socket. Ends the program if it can't.
  Bystander(const std::string& socket, const Names& names);
  ~Bystander();
  Bystander(const Bystander&) = delete;
  Bystander& operator=(const Bystander&) = delete;

  // Begins the traffic. REQUIRES: podwarp sends to it.
  void Start();
  // Sends no more, and waits for what is under way. What doesn't come fails the test.
  void Finish();

  uint64_t received() const { return received_; }  // its own frames
  // Whether podwarp's end answers messages, within seconds.
  absl::Status AskFeatures() {
    return peer_->client().Ask<uint64_t>(VhostUserRequest::kGetFeatures).status();
  }

 private:
  void Run();
  void SendAll();
  void Receive();
  void Check(const std::vector<uint8_t>& bytes);

  const Names names_;
  std::unique_ptr<VirtioPeer> peer_;
  std::vector<GuestFrame> own_;
  std::vector<GuestFrame> to_other_;
  uint64_t sent_ = 0;
  std::atomic<uint64_t> received_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace podwarp::test
