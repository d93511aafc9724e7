// The headers podwarp reads and writes, laid over the bytes of a frame.
//
// Every struct has alignment 1 and no padding. None checks anything: take a pointer to one only
// through HeaderAt() of dataplane/frame.h, which knows how many bytes the frame has.
#pragma once

#include <cstdint>

#include "podwarp/net/byte_order.h"
#include "podwarp/net/ip_address.h"
#include "podwarp/net/mac_address.h"

namespace podwarp {

enum EtherType : uint16_t {
  kEtherTypeIpv4 = 0x0800,
  kEtherTypeArp = 0x0806,
  kEtherTypeRarp = 0x8035,
  kEtherTypeVlan = 0x8100,
  kEtherTypeIpv6 = 0x86dd,
  kEtherTypeLocalExperimental = 0x88b5,  // IEEE 802, local experimental
};

struct EthernetHeader {
  MacAddress destination;
  MacAddress source;
  Be16 ether_type;
};
static_assert(sizeof(EthernetHeader) == 14 && alignof(EthernetHeader) == 1);

inline constexpr uint16_t kEthernetHeaderBytes = sizeof(EthernetHeader);
inline constexpr uint16_t kMinFrameBytes = 60;  // without the frame check sequence

// IEEE 802.1Q tag: stands between the source MAC and the EtherType of what it tags.
struct VlanTag {
  Be16 tpid;
  Be16 tci;
};
static_assert(sizeof(VlanTag) == 4);
inline constexpr uint16_t kVlanIdMask = 0x0fff;

// RFC 826, for Ethernet and IPv4.
struct ArpHeader {
  Be16 hardware_type;
  Be16 protocol_type;
  uint8_t hardware_length;
  uint8_t protocol_length;
  Be16 operation;
  MacAddress sender_mac;
  Ipv4Address sender_ip;
  MacAddress target_mac;
  Ipv4Address target_ip;
};
static_assert(sizeof(ArpHeader) == 28 && alignof(ArpHeader) == 1);

inline constexpr uint16_t kArpHardwareEthernet = 1;
enum ArpOperation : uint16_t {
  kArpRequest = 1,
  kArpReply = 2,
  kRarpRequest = 3,
  kRarpReply = 4,
};

// RFC 791.
struct Ipv4Header {
  static constexpr uint8_t kPlainVersionAndLength = 0x45;  // no options

  uint8_t version_and_length;  // version in the high half, header length in 32-bit words below
  uint8_t type_of_service;
  Be16 total_length;
  Be16 identification;
  Be16 fragment;  // kIpv4DontFragment, kIpv4MoreFragments, offset in units of 8 bytes
  uint8_t time_to_live;
  uint8_t protocol;
  Be16 checksum;
  Ipv4Address source;
  Ipv4Address destination;

  uint8_t version() const { return version_and_length >> 4; }
  uint16_t header_bytes() const { return static_cast<uint16_t>((version_and_length & 0x0f) * 4); }
  bool is_fragment() const;
};
static_assert(sizeof(Ipv4Header) == 20 && alignof(Ipv4Header) == 1);

inline constexpr uint16_t kIpv4DontFragment = 0x4000;
inline constexpr uint16_t kIpv4MoreFragments = 0x2000;
inline constexpr uint16_t kIpv4OffsetMask = 0x1fff;

inline bool Ipv4Header::is_fragment() const {
  return (fragment.host() & (kIpv4MoreFragments | kIpv4OffsetMask)) != 0;
}

enum IpProtocol : uint8_t {
  kIpProtocolIcmp = 1,
  kIpProtocolTcp = 6,
  kIpProtocolUdp = 17,
  kIpProtocolSctp = 132,
};

// RFC 792.
struct IcmpHeader {
  uint8_t type;
  uint8_t code;
  Be16 checksum;
  Be16 identifier;  // echo; zero in errors
  Be16 sequence;    // echo; the next hop's MTU in "fragmentation needed" (RFC 1191)
};
static_assert(sizeof(IcmpHeader) == 8);

enum IcmpType : uint8_t {
  kIcmpEchoReply = 0,
  kIcmpUnreachable = 3,
  kIcmpSourceQuench = 4,
  kIcmpRedirect = 5,
  kIcmpEcho = 8,
  kIcmpTimeExceeded = 11,
  kIcmpParameterProblem = 12,
};
enum IcmpUnreachableCode : uint8_t {
  kIcmpNetUnreachable = 0,
  kIcmpHostUnreachable = 1,
  kIcmpProtocolUnreachable = 2,
  kIcmpPortUnreachable = 3,
  kIcmpFragmentationNeeded = 4,
};

// RFC 768.
struct UdpHeader {
  Be16 source_port;
  Be16 destination_port;
  Be16 length;
  Be16 checksum;
};
static_assert(sizeof(UdpHeader) == 8);

// RFC 9260 3.1. The checksum is a CRC32c of header and chunks, without a pseudo-header.
struct SctpHeader {
  Be16 source_port;
  Be16 destination_port;
  Be32 verification_tag;
  Be32 checksum;  // least significant byte first
};
static_assert(sizeof(SctpHeader) == 12);

// RFC 9293.
struct TcpHeader {
  Be16 source_port;
  Be16 destination_port;
  Be32 sequence;
  Be32 acknowledgement;
  uint8_t data_offset;  // header length in 32-bit words in the high half
  uint8_t flags;
  Be16 window;
  Be16 checksum;
  Be16 urgent;

  uint16_t header_bytes() const { return static_cast<uint16_t>((data_offset >> 4) * 4); }
};
static_assert(sizeof(TcpHeader) == 20);

enum TcpFlag : uint8_t {
  kTcpFin = 0x01,
  kTcpSyn = 0x02,
  kTcpRst = 0x04,
  kTcpPsh = 0x08,
  kTcpAck = 0x10,
  kTcpCwr = 0x80,
};

}  // namespace podwarp
