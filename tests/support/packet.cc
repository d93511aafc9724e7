#include "support/packet.h"

#include <glog/logging.h>

#include <algorithm>
#include <cstring>
#include <ostream>

#include "podwarp/net/checksum.h"
#include "support/describe.h"

namespace podwarp::test {
namespace {

constexpr uint8_t kIpProtocolExperimental = 253;  // RFC 3692

void Append(Bytes& bytes, const void* data, size_t size) {
  if (size == 0) return;
  bytes.resize(bytes.size() + size);
  std::memcpy(&bytes[bytes.size() - size], data, size);
}

template <typename Header>
void Append(Bytes& bytes, const Header& header) {
  Append(bytes, &header, sizeof(header));
}

void Append(Bytes& bytes, const Bytes& more) { Append(bytes, more.data(), more.size()); }

Bytes WholeWords(Bytes options) {
  options.resize((options.size() + 3) / 4 * 4);
  return options;
}

Be16 EtherTypeOf(std::optional<uint16_t> given, const Layer* next) {
  const auto inside = next ? next->ether_type() : std::nullopt;
  return Be16(given.value_or(inside.value_or(kEtherTypeLocalExperimental)));
}

// What belongs into the checksum field of `segment`, whose own is zero.
Be16 TransportChecksum(uint8_t protocol, const Bytes& segment, const Ipv4* ip, bool partial) {
  const uint16_t pseudo = ip ? ip->PseudoHeaderSum(protocol, segment.size()) : 0;
  if (partial) return Be16::FromRaw(pseudo);
  return Be16::FromRaw(static_cast<uint16_t>(~ChecksumSum(segment.data(), segment.size(), pseudo)));
}

class FlatLayer : public Layer {
 public:
  FlatLayer(Bytes bytes, const Layer* first) : bytes_(std::move(bytes)) {
    if (first == nullptr) return;
    ether_type_ = first->ether_type();
    ip_protocol_ = first->ip_protocol();
  }
  Bytes Encode(const Surroundings&) const override { return bytes_; }
  std::optional<uint16_t> ether_type() const override { return ether_type_; }
  std::optional<uint8_t> ip_protocol() const override { return ip_protocol_; }

 private:
  Bytes bytes_;
  std::optional<uint16_t> ether_type_;
  std::optional<uint8_t> ip_protocol_;
};

}  // namespace

Packet::Packet(Bytes bytes) : Packet(Raw(std::move(bytes))) {}

// From the inside out, since a header's lengths and checksums cover what stands inside.
Packet::Packet(Layers layers) : layers_(std::move(layers)) {
  for (size_t i = layers_.size(); i-- > 0;) {
    Layer::Surroundings around;
    around.next = i + 1 < layers_.size() ? layers_[i + 1].get() : nullptr;
    for (size_t outer = i; outer-- > 0 && around.ip == nullptr;)
      around.ip = dynamic_cast<const Ipv4*>(layers_[outer].get());
    around.payload = std::move(bytes_);
    bytes_ = layers_[i]->Encode(around);
    Append(bytes_, around.payload);
  }
}

Packet Packet::Flat(Bytes bytes) const {
  return FlatLayer(std::move(bytes), layers_.empty() ? nullptr : layers_.front().get());
}

Packet Packet::PadTo(size_t bytes, uint8_t fill) const {
  Bytes padded = bytes_;
  if (padded.size() < bytes) padded.resize(bytes, fill);
  return Flat(std::move(padded));
}

Packet Packet::Truncate(size_t bytes) const {
  return Flat(Bytes(bytes_.begin(), bytes_.begin() + std::min(bytes, bytes_.size())));
}

Packet Packet::Skip(size_t bytes) const {
  return Packet(Bytes(bytes_.begin() + std::min(bytes, bytes_.size()), bytes_.end()));
}

Packet Packet::With(size_t offset, const Bytes& replacement) const {
  CHECK_LE(offset + replacement.size(), bytes_.size()) << "past the packet's end";
  Bytes changed = bytes_;
  std::copy(replacement.begin(), replacement.end(), changed.begin() + offset);
  return Flat(std::move(changed));
}

Packet operator/(const Packet& outer, const Packet& inner) {
  Packet::Layers layers = outer.layers_;
  layers.insert(layers.end(), inner.layers_.begin(), inner.layers_.end());
  return Packet(std::move(layers));
}

void PrintTo(const Packet& packet, std::ostream* out) { *out << "\n" << Describe(packet); }

Raw Payload(size_t bytes) {
  Bytes payload(bytes);
  for (size_t i = 0; i < bytes; ++i) payload[i] = static_cast<uint8_t>(i);
  return Raw(std::move(payload));
}

Raw Payload(std::string_view text) { return Raw(Bytes(text.begin(), text.end())); }

Bytes Ethernet::Encode(const Surroundings& around) const {
  Bytes bytes;
  Append(bytes, EthernetHeader{destination_, source_, EtherTypeOf(type_, around.next)});
  return bytes;
}

Vlan& Vlan::Priority(uint8_t priority) {
  tci_ = static_cast<uint16_t>((tci_ & 0x1fff) | priority << 13);
  return *this;
}

// The TPID stands in the layer outside, as its EtherType; this one ends with the EtherType inside.
Bytes Vlan::Encode(const Surroundings& around) const {
  Bytes bytes;
  Append(bytes, Be16(tci_));
  Append(bytes, EtherTypeOf(type_, around.next));
  return bytes;
}

Arp Arp::Request(MacAddress sender_mac, Ipv4Address sender_ip, Ipv4Address target_ip) {
  return Reply(sender_mac, sender_ip, MacAddress(), target_ip).Operation(kArpRequest);
}

Arp Arp::Reply(MacAddress sender_mac, Ipv4Address sender_ip, MacAddress target_mac,
               Ipv4Address target_ip) {
  Arp arp;
  arp.header_ = {.hardware_type = Be16(kArpHardwareEthernet),
                 .protocol_type = Be16(kEtherTypeIpv4),
                 .hardware_length = 6,
                 .protocol_length = 4,
                 .operation = Be16(kArpReply),
                 .sender_mac = sender_mac,
                 .sender_ip = sender_ip,
                 .target_mac = target_mac,
                 .target_ip = target_ip};
  return arp;
}

Arp Arp::Probe(MacAddress sender_mac, Ipv4Address target_ip) {
  return Request(sender_mac, Ipv4Address(), target_ip);
}

Arp Arp::Announcement(MacAddress sender_mac, Ipv4Address ip) { return Request(sender_mac, ip, ip); }

Arp Arp::Rarp(MacAddress mac) {
  Arp arp = Reply(mac, Ipv4Address(), mac, Ipv4Address()).Operation(kRarpRequest);
  arp.ether_type_ = kEtherTypeRarp;
  return arp;
}

Bytes Arp::Encode(const Surroundings&) const {
  Bytes bytes;
  Append(bytes, header_);
  return bytes;
}

Ipv4::Ipv4(Ipv4Address source, Ipv4Address destination) {
  header_.time_to_live = 64;
  header_.source = source;
  header_.destination = destination;
}

Ipv4& Ipv4::Fragment(uint16_t bits) {
  header_.fragment = Be16(static_cast<uint16_t>(header_.fragment.host() | bits));
  return *this;
}

Ipv4& Ipv4::FragmentOffset(uint16_t bytes) {
  CHECK_EQ(bytes % 8, 0) << "fragments start at multiples of 8 bytes";
  return Fragment(static_cast<uint16_t>(bytes / 8));
}

Ipv4& Ipv4::Options(Bytes options) {
  options_ = WholeWords(std::move(options));
  return *this;
}

Bytes Ipv4::Encode(const Surroundings& around) const {
  const size_t bytes = sizeof(Ipv4Header) + options_.size();
  const auto inside = around.next ? around.next->ip_protocol() : std::nullopt;
  Ipv4Header header = header_;
  header.version_and_length =
      static_cast<uint8_t>(version_ << 4 | header_words_.value_or(bytes / 4));
  header.total_length =
      Be16(total_length_.value_or(static_cast<uint16_t>(bytes + around.payload.size())));
  header.protocol = protocol_.value_or(inside.value_or(kIpProtocolExperimental));

  header.checksum = Be16(0);
  const uint16_t options_sum = ChecksumSum(options_.data(), options_.size());
  const uint16_t sum = ChecksumSum(&header, sizeof(header), options_sum);
  const Be16 right = Be16::FromRaw(static_cast<uint16_t>(~sum));
  header.checksum = checksum_ ? Be16(*checksum_) : right;

  Bytes encoded;
  Append(encoded, header);
  Append(encoded, options_);
  return encoded;
}

uint16_t Ipv4::PseudoHeaderSum(uint8_t protocol, size_t bytes) const {
  Bytes pseudo;
  Append(pseudo, header_.source);
  Append(pseudo, header_.destination);
  Append(pseudo, Be16(protocol));  // a zero byte stands before it
  Append(pseudo, Be16(static_cast<uint16_t>(bytes)));
  return ChecksumSum(pseudo.data(), pseudo.size());
}

Icmp Icmp::Echo(uint16_t id, uint16_t sequence) {
  Icmp icmp(kIcmpEcho, 0);
  icmp.header_.identifier = Be16(id);
  icmp.header_.sequence = Be16(sequence);
  return icmp;
}

Icmp Icmp::EchoReply(uint16_t id, uint16_t sequence) {
  Icmp icmp = Echo(id, sequence);
  icmp.header_.type = kIcmpEchoReply;
  return icmp;
}

Icmp Icmp::FragmentationNeeded(uint16_t mtu_bytes) {
  Icmp icmp = Unreachable(kIcmpFragmentationNeeded);
  icmp.header_.sequence = Be16(mtu_bytes);
  return icmp;
}

Bytes Icmp::Encode(const Surroundings& around) const {
  IcmpHeader header = header_;
  const uint16_t rest = ChecksumSum(around.payload.data(), around.payload.size());
  const uint16_t sum = ChecksumSum(&header, sizeof(header), rest);
  header.checksum = checksum_ ? Be16(*checksum_) : Be16::FromRaw(static_cast<uint16_t>(~sum));
  Bytes bytes;
  Append(bytes, header);
  return bytes;
}

Udp::Udp(uint16_t source, uint16_t destination) {
  header_.source_port = Be16(source);
  header_.destination_port = Be16(destination);
}

Bytes Udp::Encode(const Surroundings& around) const {
  UdpHeader header = header_;
  const size_t bytes = sizeof(header) + around.payload.size();
  header.length = Be16(length_.value_or(static_cast<uint16_t>(bytes)));

  Bytes segment;
  Append(segment, header);
  Append(segment, around.payload);
  Be16 right = TransportChecksum(kIpProtocolUdp, segment, around.ip, partial_);
  if (right == Be16(0)) right = Be16(0xffff);  // zero says "no checksum" (RFC 768)
  header.checksum = checksum_ ? Be16(*checksum_) : right;

  Bytes encoded;
  Append(encoded, header);
  return encoded;
}

Tcp::Tcp(uint16_t source, uint16_t destination, uint8_t flags) {
  header_.source_port = Be16(source);
  header_.destination_port = Be16(destination);
  header_.flags = flags;
  header_.window = Be16(65535);
}

Tcp& Tcp::Options(Bytes options) {
  options_ = WholeWords(std::move(options));
  return *this;
}

Bytes Tcp::Encode(const Surroundings& around) const {
  const size_t bytes = sizeof(TcpHeader) + options_.size();
  TcpHeader header = header_;
  header.data_offset = static_cast<uint8_t>(data_offset_.value_or(bytes / 4) << 4);

  Bytes segment;
  Append(segment, header);
  Append(segment, options_);
  Append(segment, around.payload);
  const Be16 right = TransportChecksum(kIpProtocolTcp, segment, around.ip, partial_);
  header.checksum = checksum_ ? Be16(*checksum_) : right;

  Bytes encoded;
  Append(encoded, header);
  Append(encoded, options_);
  return encoded;
}

namespace {

// CRC32c bit by bit, as RFC 9260 appendix A describes it; podwarp's own takes another way.
uint32_t Crc32c(const Bytes& bytes) {
  constexpr uint32_t kReversedPolynomial = 0x82f63b78;
  uint32_t crc = 0xffffffff;
  for (const uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? kReversedPolynomial : 0);
  }
  return ~crc;
}

}  // namespace

Sctp::Sctp(uint16_t source, uint16_t destination) {
  header_.source_port = Be16(source);
  header_.destination_port = Be16(destination);
}

Bytes Sctp::Encode(const Surroundings& around) const {
  SctpHeader header = header_;
  Bytes packet;
  Append(packet, header);
  Append(packet, around.payload);
  header.checksum = Be32::FromRaw(checksum_.value_or(Crc32c(packet)));
  Bytes encoded;
  Append(encoded, header);
  return encoded;
}

}  // namespace podwarp::test
