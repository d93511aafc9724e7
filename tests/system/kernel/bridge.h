// Two ports joined by a thread: what comes in at one goes out at the other, offloads and all.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <thread>

#include "podwarp/port/port.h"

namespace podwarp::test {

class Bridge {
 public:
  Bridge(Port& a, Port& b) : thread_([this, &a, &b] { Run(a, b); }) {}
  ~Bridge() { Stop(); }
  void Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }

  // What has been seen; steady after Stop().
  uint32_t longest_frame() const { return longest_frame_; }
  uint64_t cut_tcp() const { return cut_tcp_; }  // frames that were to be cut into segments
  uint64_t cut_udp() const { return cut_udp_; }

 private:
  void Run(Port& a, Port& b);
  bool Carry(Port& from, Port& to);
  void Note(rte_mbuf* frame);

  std::atomic<bool> stop_{false};
  std::atomic<uint32_t> longest_frame_{0};
  std::atomic<uint64_t> cut_tcp_{0};
  std::atomic<uint64_t> cut_udp_{0};
  std::thread thread_;
};

}  // namespace podwarp::test
