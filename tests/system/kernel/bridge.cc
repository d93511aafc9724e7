#include "kernel/bridge.h"

#include <poll.h>

#include <vector>

#include "podwarp/net/headers.h"
#include "podwarp/port/offload.h"

namespace podwarp::test {

void Bridge::Run(Port& a, Port& b) {
  std::vector<pollfd> ready;
  for (Port* port : {&a, &b}) {
    for (uint16_t q = 0; q < port->settings().receive_queues; ++q) {
      ready.push_back({.fd = port->ReadinessFd(q), .events = POLLIN, .revents = 0});
    }
  }
  while (!stop_) {
    const bool forth = Carry(a, b);
    const bool back = Carry(b, a);
    if (!forth && !back) poll(ready.data(), ready.size(), 10);
  }
}

bool Bridge::Carry(Port& from, Port& to) {
  bool any = false;
  for (uint16_t queue = 0; queue < from.settings().receive_queues; ++queue) {
    rte_mbuf* frames[64];
    const uint16_t count = from.Receive(queue, frames, 64);
    for (uint16_t i = 0; i < count; ++i) Note(frames[i]);
    const uint16_t taken = to.Transmit(0, frames, count);
    rte_pktmbuf_free_bulk(frames + taken, count - taken);
    any |= count > 0;
  }
  return any;
}

void Bridge::Note(rte_mbuf* frame) {
  longest_frame_ = std::max(longest_frame_.load(), frame->pkt_len);
  if (!HasOffload(frame) || OffloadOf(frame)->segment_bytes == 0) return;
  ++(OffloadOf(frame)->l4_protocol == kIpProtocolTcp ? cut_tcp_ : cut_udp_);
}

}  // namespace podwarp::test
