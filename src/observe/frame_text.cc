#include "observe/frame_text.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "observe/icmp_text.h"

namespace podwarp {
namespace {

// RFC 826; probes and announcements are RFC 5227's.
std::string ArpText(HeaderBytes headers, size_t offset, bool is_rarp) {
  const char* const name = is_rarp ? "RARP" : "ARP";
  const auto arp = HeaderIn<ArpHeader>(headers, offset);
  if (!arp.has_value()) return absl::StrCat(name, ", cut short");
  const std::string sender = arp->sender_ip.ToString(), target = arp->target_ip.ToString();
  const std::string mac = arp->sender_mac.ToString();
  switch (arp->operation.host()) {
    case kArpRequest:
      if (arp->sender_ip == Ipv4Address()) {
        return absl::StrCat("ARP probe for ", target, ", by ", mac);
      }
      if (arp->sender_ip == arp->target_ip) {
        return absl::StrCat("ARP announcement, ", sender, " is at ", mac);
      }
      return absl::StrCat("ARP who has ", target, ", tell ", sender);
    case kArpReply:
      return absl::StrCat("ARP ", sender, " is at ", mac);
    case kRarpRequest:
      return absl::StrCat("RARP, ", arp->target_mac.ToString(), " is here");
    default:
      return absl::StrCat(name, " operation ", arp->operation.host());
  }
}

std::string TcpFlags(uint8_t flags) {
  constexpr std::pair<TcpFlag, const char*> kNames[] = {
      {kTcpSyn, " SYN"}, {kTcpFin, " FIN"}, {kTcpRst, " RST"}, {kTcpPsh, " PSH"}, {kTcpAck, " ACK"},
  };
  std::string text;
  for (const auto& [flag, name] : kNames) {
    if ((flags & flag) != 0) text += name;
  }
  return text.empty() ? " without flags" : text;
}

// An IPv4 packet, of which `transport` is where what it carries begins.
struct Packet {
  const Ipv4Header& ip;
  HeaderBytes headers;
  size_t transport;

  bool is_first() const { return (ip.fragment.host() & kIpv4OffsetMask) == 0; }

  std::string Between(const std::string& from, const std::string& to, std::string_view what) const {
    return absl::StrCat(ip.source.ToString(), from, " > ", ip.destination.ToString(), to, " ",
                        std::string(what));
  }
  template <typename Header>
  std::string WithPorts(const Header& header, std::string_view what) const {
    return Between(absl::StrCat(":", header.source_port.host()),
                   absl::StrCat(":", header.destination_port.host()), what);
  }
  std::string Portless(std::string_view protocol) const {
    return Between("", "", absl::StrCat(std::string(protocol), is_first() ? ", cut short" : ""));
  }

  // What it is, and between whom.
  std::string Text() const {
    switch (ip.protocol) {
      case kIpProtocolTcp:
        if (const auto tcp = HeaderIn<TcpHeader>(headers, transport); tcp && is_first()) {
          return WithPorts(*tcp, absl::StrCat("TCP", TcpFlags(tcp->flags)));
        }
        return Portless("TCP");
      case kIpProtocolUdp:
        if (const auto udp = HeaderIn<UdpHeader>(headers, transport); udp && is_first()) {
          return WithPorts(*udp, "UDP");
        }
        return Portless("UDP");
      case kIpProtocolSctp:
        if (const auto sctp = HeaderIn<SctpHeader>(headers, transport); sctp && is_first()) {
          return WithPorts(*sctp, "SCTP");
        }
        return Portless("SCTP");
      case kIpProtocolIcmp:
        if (const auto icmp = HeaderIn<IcmpHeader>(headers, transport); icmp && is_first()) {
          return Between("", "", absl::StrCat("ICMP ", IcmpText(*icmp)));
        }
        return Portless("ICMP");
      default:
        return Between("", "", absl::StrCat("protocol ", ip.protocol));
    }
  }
};

std::string Ipv4Text(HeaderBytes headers, size_t offset) {
  const auto ip = HeaderIn<Ipv4Header>(headers, offset);
  if (!ip.has_value()) return "IPv4, cut short";
  if (ip->version() != 4) return absl::StrCat("IPv4 by its EtherType, but version ", ip->version());
  if (ip->header_bytes() < sizeof(Ipv4Header)) {
    return absl::StrCat("IPv4 with a header of ", ip->header_bytes(), " bytes");
  }
  // What the frame is filled up with is none of the packet's.
  const HeaderBytes packet =
      headers.first(std::min(headers.size(), offset + ip->total_length.host()));
  std::string text = Packet{*ip, packet, offset + ip->header_bytes()}.Text();
  if (ip->is_fragment()) {
    absl::StrAppend(&text, ", fragment at ", (ip->fragment.host() & kIpv4OffsetMask) * 8);
  }
  return text;
}

std::string PayloadText(HeaderBytes headers, const EthernetPayload& payload) {
  switch (payload.ether_type) {
    case kEtherTypeIpv4:
      return Ipv4Text(headers, payload.offset);
    case kEtherTypeArp:
      return ArpText(headers, payload.offset, /*is_rarp=*/false);
    case kEtherTypeRarp:
      return ArpText(headers, payload.offset, /*is_rarp=*/true);
    case kEtherTypeIpv6:
      return "IPv6";
    case kEtherTypeVlan:
      return "a second VLAN tag";
    default:
      return absl::StrFormat("EtherType 0x%04x", payload.ether_type);
  }
}

}  // namespace

std::string FrameText(HeaderBytes headers, uint32_t frame_bytes) {
  const std::optional<EthernetPayload> payload = FindPayload(headers);
  std::string text = payload.has_value() ? PayloadText(headers, *payload) : "no Ethernet frame";
  if (payload.has_value() && payload->vlan_id != 0) {
    absl::StrAppend(&text, ", VLAN ", payload->vlan_id);
  }
  return absl::StrCat(text, ", ", frame_bytes, " bytes");
}

}  // namespace podwarp
