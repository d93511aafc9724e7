// What the virtio specification calls things: a network device's feature bits, and the header
// before each of its frames. (Linux's headers for these aren't C++.)
//
// Source: Virtual I/O Device 1.2, 2.2, 5.1.3 and 5.1.6.
#pragma once

#include <cstdint>

namespace podwarp::test {

constexpr uint64_t Bit(int bit) { return uint64_t{1} << bit; }

// The guest hands over what the device is to finish: HOST; the device hands over: GUEST.
inline constexpr uint64_t kNetCsum = Bit(0);
inline constexpr uint64_t kNetGuestCsum = Bit(1);
inline constexpr uint64_t kNetMtu = Bit(3);
inline constexpr uint64_t kNetGuestTso4 = Bit(7);
inline constexpr uint64_t kNetGuestTso6 = Bit(8);
inline constexpr uint64_t kNetGuestEcn = Bit(9);
inline constexpr uint64_t kNetGuestUfo = Bit(10);
inline constexpr uint64_t kNetHostTso4 = Bit(11);
inline constexpr uint64_t kNetHostTso6 = Bit(12);
inline constexpr uint64_t kNetHostEcn = Bit(13);
inline constexpr uint64_t kNetHostUfo = Bit(14);
inline constexpr uint64_t kNetMergeable = Bit(15);  // MRG_RXBUF
inline constexpr uint64_t kNetMultiqueue = Bit(22);
inline constexpr uint64_t kVhostProtocolFeatures = Bit(30);  // vhost-user's own
inline constexpr uint64_t kVhostLogAll = Bit(26);            // vhost's own
inline constexpr uint64_t kRingIndirect = Bit(28);
inline constexpr uint64_t kRingEventIndex = Bit(29);
inline constexpr uint64_t kVersion1 = Bit(32);
inline constexpr uint64_t kIommuPlatform = Bit(33);
inline constexpr uint64_t kRingPacked = Bit(34);
inline constexpr uint64_t kInOrder = Bit(35);

// The least that a device of VIRTIO 1 has over vhost-user.
inline constexpr uint64_t kPlainFeatures = kVersion1 | kVhostProtocolFeatures;
inline constexpr uint64_t kOffloadFeatures = kNetCsum | kNetHostTso4 | kNetHostTso6 | kNetHostEcn |
                                             kNetHostUfo | kNetGuestCsum | kNetGuestTso4 |
                                             kNetGuestTso6 | kNetGuestEcn | kNetGuestUfo;
// What Linux takes if it is offered.
inline constexpr uint64_t kGuestFeatures =
    kPlainFeatures | kOffloadFeatures | kNetMergeable | kRingIndirect | kRingEventIndex;

// Device status.
inline constexpr uint8_t kStatusAcknowledge = 1;
inline constexpr uint8_t kStatusDriver = 2;
inline constexpr uint8_t kStatusDriverOk = 4;
inline constexpr uint8_t kStatusFeaturesOk = 8;

// `num_buffers` is left out where neither VERSION_1 nor MRG_RXBUF was negotiated.
struct VirtioNetHeader {
  uint8_t flags;
  uint8_t gso_type;
  uint16_t hdr_len;
  uint16_t gso_size;
  uint16_t csum_start;
  uint16_t csum_offset;
  uint16_t num_buffers;
};
static_assert(sizeof(VirtioNetHeader) == 12);
inline constexpr uint32_t kLegacyHeaderBytes = 10;

inline constexpr uint8_t kHeaderNeedsCsum = 1;
inline constexpr uint8_t kHeaderDataValid = 2;
inline constexpr uint8_t kGsoTcp4 = 1;
inline constexpr uint8_t kGsoUdp = 3;
inline constexpr uint8_t kGsoTcp6 = 4;

}  // namespace podwarp::test
