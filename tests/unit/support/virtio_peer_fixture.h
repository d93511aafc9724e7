// A VirtioPeer connected to librte_vhost in one process, and frames for them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "support/eal.h"
#include "support/mbuf.h"
#include "support/packet.h"
#include "support/virtio_peer.h"
#include "unit/support/rte_vhost_back_end.h"

namespace podwarp::test {

inline std::string SocketPath() {
  static int count = 0;
  return absl::StrCat(testing::TempDir(), "virtio-peer-", getpid(), "-", count++);
}

// Frames that all differ, in bytes and length.
inline GuestFrame Frame(size_t number, size_t bytes) {
  GuestFrame frame;
  frame.bytes.resize(bytes);
  for (size_t i = 0; i < bytes; ++i) frame.bytes[i] = static_cast<uint8_t>(number * 31 + i * 7);
  return frame;
}
inline std::vector<GuestFrame> Frames(size_t first, size_t count) {
  std::vector<GuestFrame> frames;
  for (size_t i = first; i < first + count; ++i) frames.push_back(Frame(i, 14 + i * 37 % 1501));
  return frames;
}

inline std::vector<Bytes> BytesOf(const std::vector<GuestFrame>& frames) {
  std::vector<Bytes> all;
  for (const GuestFrame& frame : frames) all.push_back(frame.bytes);
  return all;
}
inline std::vector<Bytes> BytesOf(const std::vector<MbufPtr>& frames) {
  std::vector<Bytes> all;
  for (const MbufPtr& frame : frames) all.push_back(FromMbuf(frame.get()).bytes());
  return all;
}

class VirtioPeerTest : public testing::Test {
 protected:
  void Open(VirtioPeerOptions options, const RteVhostBackEnd::Options& back_end = {}) {
    peer_.reset();
    back_end_.emplace(path_, back_end);
    auto peer = VirtioPeer::Create(std::move(options));
    ASSERT_TRUE(peer.ok()) << peer.status();
    peer_ = *std::move(peer);
    const absl::Status connected = peer_->Connect(path_);
    ASSERT_TRUE(connected.ok()) << connected;
    ASSERT_TRUE(back_end_->HasDevice());
  }
  void TearDown() override {
    peer_.reset();
    back_end_.reset();
    EXPECT_EQ(BuffersInUse(), 0u);
  }

  // The back end hands `frames` to the guest; returns how many found room.
  uint16_t Deliver(uint16_t queue, const std::vector<GuestFrame>& frames) {
    std::vector<MbufPtr> owned;
    std::vector<rte_mbuf*> mbufs;
    for (const GuestFrame& frame : frames) {
      owned.emplace_back(ToMbuf(Packet(frame.bytes)));
      mbufs.push_back(owned.back().get());
    }
    return back_end_->Enqueue(queue, mbufs);
  }

  const std::string path_ = SocketPath();
  std::optional<RteVhostBackEnd> back_end_;
  std::unique_ptr<VirtioPeer> peer_;
};

}  // namespace podwarp::test
