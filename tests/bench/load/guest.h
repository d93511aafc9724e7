// The guests of guest_load, and the frames that they send.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "podwarp/net/ip_address.h"
#include "podwarp/net/mac_address.h"
#include "support/virtio_peer.h"

namespace podwarp::test {

struct GuestSettings {
  uint16_t queue_pairs = 1;
  uint16_t ring_size = 1024;
  bool packed = false;
  bool huge_pages = true;
};

// Who a frame is from and for.
struct Endpoints {
  MacAddress mac;
  Ipv4Address ip;
  MacAddress gateway;
  Ipv4Address target;
};

// Listens on the socket. Ends the program if that fails, as Accept() does.
std::unique_ptr<VirtioPeer> ListenAt(const std::string& socket, const GuestSettings& settings);
// Waits until what is measured has connected.
void Accept(VirtioPeer& guest);

// Says that what is measured begins now, to whoever wants to look at the rest of the machine then.
void TellStart();

// UDP, with `flows` different source ports, from 1024 on.
std::vector<GuestFrame> UdpFrames(const Endpoints& endpoints, uint32_t frame_bytes, uint32_t count,
                                  uint32_t flows);
// "Who has the target?", to all.
std::vector<GuestFrame> ArpRequests(const Endpoints& endpoints, uint32_t count);

}  // namespace podwarp::test
