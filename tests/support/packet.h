// Frames as tests write them: headers joined by '/', outermost first, in the order of the wire.
//
//   Ethernet(gw, mac_a) / Vlan(100) / Arp::Request(mac_a, ip_a, ip_b)
//   Ethernet(gw, mac_a) / Ipv4(ip_a, ip_b).Ttl(2).DontFragment() / Udp(1000, 2000) / Payload(100)
//   (Ethernet(mac_a, gw) / Arp::Reply(gw, ip_b, mac_a, ip_a)).PadTo(60)
//   Ethernet(gw, mac_a) / Ipv4(ip_a, ip_b).Checksum(0xdead) / Raw({0x01, 0x02})
//
// EtherTypes, IPv4 protocols, lengths and checksums follow from what stands inside; a setter of the
// same name puts any other value there. Numbers are in the host's order.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "podwarp/net/headers.h"
#include "support/literals.h"

namespace podwarp::test {

using Bytes = std::vector<uint8_t>;
class Ipv4;

// One header, or bytes without structure.
class Layer {
 public:
  struct Surroundings {
    const Ipv4* ip = nullptr;     // the nearest IPv4 header outside this layer: the pseudo-header
    const Layer* next = nullptr;  // what stands inside
    Bytes payload;                // its bytes, and those of everything after it
  };

  virtual ~Layer() = default;
  // The layer's own bytes; the payload is not among them.
  virtual Bytes Encode(const Surroundings& around) const = 0;
  // How the layer outside calls this one, if it has a name there.
  virtual std::optional<uint16_t> ether_type() const { return std::nullopt; }
  virtual std::optional<uint8_t> ip_protocol() const { return std::nullopt; }
};

// A frame, or a part of one: an immutable value. Two are equal if their bytes are.
class Packet {
 public:
  Packet() = default;
  explicit Packet(Bytes bytes);
  template <std::derived_from<Layer> L>
  Packet(const L& layer)  // NOLINT: a single header is a packet
      : Packet(Layers{std::make_shared<const L>(layer)}) {}

  const Bytes& bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }

  // These four make plain bytes of all layers: nothing inside adapts to the change or to what is
  // put around later. So a UDP or TCP header belongs into the same packet as its IPv4 header.
  Packet PadTo(size_t bytes, uint8_t fill = 0) const;  // as it is if that long already
  Packet Truncate(size_t bytes) const;                 // keeps the first `bytes`
  Packet Skip(size_t bytes) const;                     // what follows the first `bytes`
  Packet With(size_t offset, const Bytes& replacement) const;

  friend Packet operator/(const Packet& outer, const Packet& inner);
  friend bool operator==(const Packet& a, const Packet& b) { return a.bytes_ == b.bytes_; }

 private:
  using Layers = std::vector<std::shared_ptr<const Layer>>;
  explicit Packet(Layers layers);
  Packet Flat(Bytes bytes) const;  // `bytes`, called by the layer outside as this packet is

  Layers layers_;
  Bytes bytes_;
};

Packet operator/(const Packet& outer, const Packet& inner);

// For GoogleTest: the field list of describe.h.
void PrintTo(const Packet& packet, std::ostream* out);

class Raw : public Layer {
 public:
  explicit Raw(Bytes bytes) : bytes_(std::move(bytes)) {}
  Bytes Encode(const Surroundings&) const override { return bytes_; }

 private:
  Bytes bytes_;
};

// `bytes` bytes 00 01 02 ... ff 00 ...
Raw Payload(size_t bytes);
Raw Payload(std::string_view text);

class Ethernet : public Layer {
 public:
  Ethernet(MacAddress destination, MacAddress source)
      : destination_(destination), source_(source) {}
  // Without this: that of the layer inside; 0x88b5 for raw bytes.
  Ethernet& EtherType(uint16_t type) { return type_ = type, *this; }

  Bytes Encode(const Surroundings& around) const override;

 private:
  MacAddress destination_, source_;
  std::optional<uint16_t> type_;
};

class Vlan : public Layer {
 public:
  explicit Vlan(uint16_t id) : tci_(id) {}
  Vlan& Priority(uint8_t priority);
  Vlan& Tpid(uint16_t tpid) { return tpid_ = tpid, *this; }
  Vlan& EtherType(uint16_t type) { return type_ = type, *this; }  // of what is tagged

  Bytes Encode(const Surroundings& around) const override;
  std::optional<uint16_t> ether_type() const override { return tpid_; }

 private:
  uint16_t tpid_ = kEtherTypeVlan;
  uint16_t tci_;
  std::optional<uint16_t> type_;
};

class Arp : public Layer {
 public:
  static Arp Request(MacAddress sender_mac, Ipv4Address sender_ip, Ipv4Address target_ip);
  static Arp Reply(MacAddress sender_mac, Ipv4Address sender_ip, MacAddress target_mac,
                   Ipv4Address target_ip);
  // RFC 5227: "is anybody using this address?", sender IP 0.0.0.0.
  static Arp Probe(MacAddress sender_mac, Ipv4Address target_ip);
  // RFC 5227: gratuitous, in the request's form.
  static Arp Announcement(MacAddress sender_mac, Ipv4Address ip);
  // What librte_vhost sends for a guest that has moved here: EtherType 0x8035.
  static Arp Rarp(MacAddress mac);

  Arp& HardwareType(uint16_t type) { return header_.hardware_type = Be16(type), *this; }
  Arp& ProtocolType(uint16_t type) { return header_.protocol_type = Be16(type), *this; }
  Arp& HardwareLength(uint8_t bytes) { return header_.hardware_length = bytes, *this; }
  Arp& ProtocolLength(uint8_t bytes) { return header_.protocol_length = bytes, *this; }
  Arp& Operation(uint16_t operation) { return header_.operation = Be16(operation), *this; }
  Arp& SenderMac(MacAddress mac) { return header_.sender_mac = mac, *this; }
  Arp& SenderIp(Ipv4Address ip) { return header_.sender_ip = ip, *this; }
  Arp& TargetMac(MacAddress mac) { return header_.target_mac = mac, *this; }
  Arp& TargetIp(Ipv4Address ip) { return header_.target_ip = ip, *this; }

  Bytes Encode(const Surroundings& around) const override;
  std::optional<uint16_t> ether_type() const override { return ether_type_; }

 private:
  Arp() = default;

  ArpHeader header_ = {};
  uint16_t ether_type_ = kEtherTypeArp;
};

class Ipv4 : public Layer {
 public:
  Ipv4(Ipv4Address source, Ipv4Address destination);  // TTL 64, identification 0

  Ipv4& Ttl(uint8_t ttl) { return header_.time_to_live = ttl, *this; }
  Ipv4& Tos(uint8_t tos) { return header_.type_of_service = tos, *this; }
  Ipv4& Id(uint16_t id) { return header_.identification = Be16(id), *this; }
  Ipv4& DontFragment() { return Fragment(kIpv4DontFragment); }
  Ipv4& MoreFragments() { return Fragment(kIpv4MoreFragments); }
  Ipv4& FragmentOffset(uint16_t bytes);  // a multiple of 8
  Ipv4& Options(Bytes options);          // filled up with zeros to whole words

  // Without these: what is right. Raw bytes have protocol 253 (RFC 3692, for experiments).
  Ipv4& Version(uint8_t version) { return version_ = version, *this; }
  Ipv4& HeaderWords(uint8_t words) { return header_words_ = words, *this; }
  Ipv4& TotalLength(uint16_t bytes) { return total_length_ = bytes, *this; }
  Ipv4& Protocol(uint8_t protocol) { return protocol_ = protocol, *this; }
  Ipv4& Checksum(uint16_t checksum) { return checksum_ = checksum, *this; }

  Bytes Encode(const Surroundings& around) const override;
  std::optional<uint16_t> ether_type() const override { return kEtherTypeIpv4; }
  std::optional<uint8_t> ip_protocol() const override { return 4; }  // IP in IP, RFC 2003

  // The one's-complement sum, not complemented, of the pseudo-header (RFC 768, RFC 9293).
  uint16_t PseudoHeaderSum(uint8_t protocol, size_t bytes) const;

 private:
  Ipv4& Fragment(uint16_t bits);

  Ipv4Header header_ = {};
  Bytes options_;
  uint8_t version_ = 4;
  std::optional<uint8_t> header_words_, protocol_;
  std::optional<uint16_t> total_length_, checksum_;
};

// An error's inner packet follows it: Icmp::TimeExceeded() / frame.Skip(14).Truncate(28).
class Icmp : public Layer {
 public:
  Icmp(uint8_t type, uint8_t code) { header_.type = type, header_.code = code; }
  static Icmp Echo(uint16_t id, uint16_t sequence);
  static Icmp EchoReply(uint16_t id, uint16_t sequence);
  static Icmp Unreachable(IcmpUnreachableCode code) { return Icmp(kIcmpUnreachable, code); }
  static Icmp FragmentationNeeded(uint16_t mtu_bytes);
  static Icmp TimeExceeded() { return Icmp(kIcmpTimeExceeded, 0); }

  Icmp& Checksum(uint16_t checksum) { return checksum_ = checksum, *this; }

  Bytes Encode(const Surroundings& around) const override;
  std::optional<uint8_t> ip_protocol() const override { return kIpProtocolIcmp; }

 private:
  IcmpHeader header_ = {};
  std::optional<uint16_t> checksum_;
};

class Udp : public Layer {
 public:
  Udp(uint16_t source, uint16_t destination);

  Udp& Length(uint16_t bytes) { return length_ = bytes, *this; }
  Udp& Checksum(uint16_t checksum) { return checksum_ = checksum, *this; }
  // As a frame whose Offload wants a checksum: the pseudo-header's sum, not complemented.
  Udp& PartialChecksum() { return partial_ = true, *this; }

  Bytes Encode(const Surroundings& around) const override;
  std::optional<uint8_t> ip_protocol() const override { return kIpProtocolUdp; }

 private:
  UdpHeader header_ = {};
  std::optional<uint16_t> length_, checksum_;
  bool partial_ = false;
};

class Tcp : public Layer {
 public:
  static constexpr uint8_t kFin = 0x01, kSyn = 0x02, kRst = 0x04, kPsh = 0x08, kAck = 0x10,
                           kUrg = 0x20, kEce = 0x40, kCwr = 0x80;

  Tcp(uint16_t source, uint16_t destination, uint8_t flags = kAck);  // window 65535

  Tcp& Sequence(uint32_t number) { return header_.sequence = Be32(number), *this; }
  Tcp& Acknowledgement(uint32_t number) { return header_.acknowledgement = Be32(number), *this; }
  Tcp& Window(uint16_t window) { return header_.window = Be16(window), *this; }
  Tcp& Urgent(uint16_t pointer) { return header_.urgent = Be16(pointer), *this; }
  Tcp& Options(Bytes options);  // filled up with zeros to whole words
  Tcp& DataOffset(uint8_t words) { return data_offset_ = words, *this; }
  Tcp& Checksum(uint16_t checksum) { return checksum_ = checksum, *this; }
  Tcp& PartialChecksum() { return partial_ = true, *this; }

  Bytes Encode(const Surroundings& around) const override;
  std::optional<uint8_t> ip_protocol() const override { return kIpProtocolTcp; }

 private:
  TcpHeader header_ = {};
  Bytes options_;
  std::optional<uint8_t> data_offset_;
  std::optional<uint16_t> checksum_;
  bool partial_ = false;
};

class Sctp : public Layer {
 public:
  Sctp(uint16_t source, uint16_t destination);

  Sctp& Checksum(uint32_t checksum) { return checksum_ = checksum, *this; }

  Bytes Encode(const Surroundings& around) const override;
  std::optional<uint8_t> ip_protocol() const override { return kIpProtocolSctp; }

 private:
  SctpHeader header_ = {};
  std::optional<uint32_t> checksum_;
};

}  // namespace podwarp::test
