// A VhostPort, and the guests at its other end.
//
// The test plays the worker: no reader is registered with the Rcu, so that nothing waits for one.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "podwarp/table/rcu.h"
#include "port/vhost_backend.h"
#include "port/vhost_port.h"
#include "support/eal.h"
#include "support/eventually.h"
#include "support/mbuf.h"
#include "support/virtio_peer.h"

namespace podwarp::test {

class VhostFixture : public testing::Test {
 protected:
  std::string SocketPath() {
    static int count = 0;
    return absl::StrCat(testing::TempDir(), "vhost-port-", getpid(), "-", count++);
  }

  std::unique_ptr<VhostPort> OpenPort(VhostSocketSettings socket, uint16_t queues = 1,
                                      uint16_t workers = 1) {
    auto port =
        VhostPort::Open({.name = "default/vm", .receive_queues = queues, .workers = workers},
                        {.socket = std::move(socket), .pool = TestPool()}, &backend_);
    EXPECT_TRUE(port.ok()) << port.status().message();
    return port.ok() ? *std::move(port) : nullptr;
  }

  static std::unique_ptr<VirtioPeer> MakePeer(const VirtioPeerOptions& options = {}) {
    auto peer = VirtioPeer::Create(options);
    EXPECT_TRUE(peer.ok()) << peer.status().message();
    return *std::move(peer);
  }

  // Connects the peer in whichever way the port is the other end of, until both can be used. As any
  // peer does, it begins anew where podwarp gives the connection up: on a machine with other things
  // to do, messages may come later than podwarp waits for them.
  static void Join(const VhostPort& port, VirtioPeer& peer, const std::string& path, bool is_server,
                   VirtioPeer::Rings rings = VirtioPeer::Rings::kReset) {
    if (!is_server && access(path.c_str(), F_OK) != 0) {
      ASSERT_TRUE(peer.Listen(path).ok());
    }
    absl::Status status;
    ASSERT_TRUE(Eventually([&] {
      status = is_server ? peer.Connect(path, rings) : peer.Accept(rings);
      return status.ok() && Eventually([&] { return port.State().up; }, std::chrono::seconds(1));
    })) << port.State().why_down
        << "; " << status.ToString();
  }

  static bool IsSoonUp(const VhostPort& port) {
    return Eventually([&] { return port.State().up; });
  }
  static bool IsSoonDownBecause(const VhostPort& port, const std::string& why) {
    return Eventually([&] { return port.State().why_down.find(why) != std::string::npos; });
  }

  static std::vector<MbufPtr> Receive(VhostPort& port, uint16_t queue = 0) {
    rte_mbuf* frames[64];
    const uint16_t count = port.Receive(queue, frames, 64);
    std::vector<MbufPtr> received;
    for (uint16_t i = 0; i < count; ++i) received.emplace_back(frames[i]);
    return received;
  }

  // Like Port::Transmit(): what was taken leaves `frames`.
  static void Transmit(VhostPort& port, std::vector<MbufPtr>& frames, uint16_t worker = 0) {
    std::vector<rte_mbuf*> raw;
    for (const MbufPtr& frame : frames) raw.push_back(frame.get());
    const uint16_t sent = port.Transmit(worker, raw.data(), static_cast<uint16_t>(raw.size()));
    for (uint16_t i = 0; i < sent; ++i) frames[i].release();
    frames.erase(frames.begin(), frames.begin() + sent);
  }

  static bool IsReadable(const VhostPort& port, uint16_t queue, int timeout_ms = 0) {
    pollfd ready{.fd = port.ReadinessFd(queue), .events = POLLIN, .revents = 0};
    return poll(&ready, 1, timeout_ms) == 1;
  }

  // At rest, with nothing to say any more: librte_vhost may still be busy with the guest's last
  // message, which wakes the queue afterwards.
  static bool LayToRest(VhostPort& port) {
    return Eventually([&] {
      port.Wake(0);
      return port.Rest(0) && Receive(port).empty() && !IsReadable(port, 0, /*timeout_ms=*/20);
    });
  }

  Rcu rcu_{2};
  std::atomic<int> changes_{0};
  VhostBackend backend_{&rcu_, [this] { ++changes_; }};
};

}  // namespace podwarp::test
