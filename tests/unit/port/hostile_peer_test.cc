// A hostile guest at one port, while a well-behaved one, at another port that the same worker
// serves, must lose nothing: no frame, and nobody who answers its messages.
//
// PODWARP_SEED=n repeats the choices of a run, as far as threads let it; PODWARP_VISITS=n makes it
// longer.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "support/literals.h"
#include "support/packet.h"
#include "unit/port/hostile_fixture.h"
#include "unit/port/hostile_guest.h"

namespace podwarp::test {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  uint64_t value;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}
uint64_t Visits(uint64_t visits) { return FromEnvironment("PODWARP_VISITS", visits); }
uint64_t Seed() {
  static const uint64_t kSeed = FromEnvironment("PODWARP_SEED", std::random_device()());
  return kSeed;
}

class HostilePeer : public HostileFixture, public testing::WithParamInterface<Mischief> {
 protected:
  // What it starts from. Nothing for the bystander: a ring that is shown again and again would
  // flood it, and lose it frames in order.
  static std::vector<GuestFrame> SoundFrames() {
    const Ethernet ethernet(kRouter, kHostileMac);
    const Ipv4 ip(kHostileIp, kHostileIp);
    std::vector<GuestFrame> frames;
    for (const size_t bytes : {0, 18, 1000, 1472}) {
      frames.push_back({(ethernet / ip / Udp(1, 2) / Payload(bytes)).bytes()});
      const Tcp tcp = Tcp(1, 2).PartialChecksum();
      frames.push_back({(ethernet / ip / tcp / Payload(2 * bytes)).bytes()});
    }
    const Arp request = Arp::Request(kHostileMac, kHostileIp, kGoodIp);
    frames.push_back({(Ethernet(MacAddress::Broadcast(), kHostileMac) / request).bytes()});
    return frames;
  }
};
INSTANTIATE_TEST_SUITE_P(Mischief, HostilePeer, testing::ValuesIn(kMischiefs),
                         [](const auto& mischief) { return ToString(mischief.param); });

TEST_P(HostilePeer, HarmsNobody) {
  RecordProperty("seed", absl::StrCat(Seed()));
  std::cout << "PODWARP_SEED=" << Seed() << std::endl;
  HostileGuest guest(socket_, Seed(), SoundFrames());
  for (uint64_t visit = 0; visit < Visits(160); ++visit) {
    const absl::Status visited = guest.Visit(GetParam());
    ASSERT_TRUE(visited.ok()) << "visit " << visit << ": " << visited;
    ExpectAllWell(absl::StrCat("visit ", visit));
  }
}

}  // namespace
}  // namespace podwarp::test
