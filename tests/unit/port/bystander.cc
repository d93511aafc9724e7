#include "unit/port/bystander.h"

#include <glog/logging.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "support/eventually.h"
#include "support/packet.h"

namespace podwarp::test {
namespace {

constexpr size_t kAtOnce = 32;
constexpr size_t kUnderWay = 64;  // the rings have room for four times as many
constexpr uint16_t kPort = 1000;  // UDP, both ways

// Where things stand in a frame.
constexpr size_t kTtl = 22;
constexpr size_t kHeaderChecksum = 24;
constexpr size_t kSource = 26;
constexpr size_t kNumber = 42;

Bytes FrameTo(const Bystander::Names& names, Ipv4Address destination, size_t bytes) {
  const Packet packet = Ethernet(names.router, names.mac) / Ipv4(names.address, destination) /
                        Udp(kPort, kPort).Checksum(0) / Payload(bytes);
  return packet.bytes();
}

}  // namespace

Bystander::Bystander(const std::string& socket, const Names& names) : names_(names) {
  auto peer = VirtioPeer::Create({.features = kPlainFeatures | kNetMergeable | kRingEventIndex});
  CHECK(peer.ok()) << peer.status();
  peer_ = *std::move(peer);
  const absl::Status connected = peer_->Connect(socket);
  CHECK(connected.ok()) << connected;
  for (size_t i = 0; i < kAtOnce; ++i) own_.push_back({FrameTo(names, names.address, 8 + 45 * i)});
  to_other_.assign(4, {FrameTo(names, names.other, 300)});
}

void Bystander::Start() {
  thread_ = std::thread([this] { Run(); });
}

Bystander::~Bystander() { Finish(); }

void Bystander::Finish() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void Bystander::Run() {
  while (!stop_) {
    if (sent_ - received_ <= kUnderWay - kAtOnce) SendAll();
    Receive();
    std::this_thread::yield();
  }
  EXPECT_TRUE(Eventually([&] {
    Receive();
    return received_ == sent_;
  })) << sent_ - received_
      << " frames of a well-behaved guest are lost";
}

void Bystander::SendAll() {
  for (GuestFrame& frame : own_) {
    std::memcpy(&frame.bytes[kNumber], &sent_, sizeof(sent_));
    ++sent_;
  }
  // What finds no room in the ring now is lost: podwarp has not taken what it should have.
  EXPECT_EQ(peer_->Send(0, own_), own_.size());
  peer_->Send(0, to_other_);
}

void Bystander::Receive() {
  for (const GuestFrame& frame : peer_->Receive(0)) {
    // Others may send to it too; nobody else may use its address.
    const Bytes& bytes = frame.bytes;
    const Bytes& own = own_[0].bytes;
    if (bytes.size() >= own.size() &&
        std::equal(&bytes[kSource], &bytes[kSource + 4], &own[kSource])) {
      Check(bytes);
    }
  }
}

void Bystander::Check(const std::vector<uint8_t>& bytes) {
  uint64_t number;
  std::memcpy(&number, &bytes[kNumber], sizeof(number));
  if (number != received_) {
    ADD_FAILURE() << "frame " << number << " in the place of frame " << received_;
    return;
  }
  Bytes expected = own_[number % own_.size()].bytes;
  std::memcpy(&expected[0], &names_.mac, sizeof(names_.mac));
  std::memcpy(&expected[6], &names_.router, sizeof(names_.router));
  std::memcpy(&expected[kNumber], &number, sizeof(number));
  --expected[kTtl];
  std::copy_n(&bytes[kHeaderChecksum], 2, &expected[kHeaderChecksum]);
  EXPECT_EQ(Packet(bytes), Packet(expected));
  ++received_;
}

}  // namespace podwarp::test
