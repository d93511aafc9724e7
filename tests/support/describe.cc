#include "support/describe.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "podwarp/net/checksum.h"

namespace podwarp::test {
namespace {

constexpr size_t kShownBytes = 24;  // of a payload

std::string Hex(const uint8_t* data, size_t bytes) {
  std::string text;
  for (size_t i = 0; i < std::min(bytes, kShownBytes); ++i)
    absl::StrAppendFormat(&text, "%s%02x", i == 0 ? "" : " ", data[i]);
  if (bytes > kShownBytes) text += " ...";
  return text;
}

// Walks over a frame, header by header, and never past `end_`.
class Describer {
 public:
  explicit Describer(const Bytes& frame)
      : begin_(frame.data()), at_(begin_), end_(begin_ + frame.size()) {}

  std::vector<FrameLine> Run() && {
    Ethernet();
    return std::move(lines_);
  }

 private:
  void Add(std::string text) { Add(at_, std::move(text)); }
  void Add(const uint8_t* start, std::string text) {
    lines_.push_back({static_cast<size_t>(start - begin_), prefix_ + std::move(text)});
  }
  size_t left() const { return static_cast<size_t>(end_ - at_); }

  // The header at the place reached, or nothing and a line that says what was missing.
  template <typename Header>
  std::optional<Header> Take(const char* name) {
    Header header;
    if (left() < sizeof(header)) {
      Add(absl::StrCat(name, " cut short, ", left(), " of ", sizeof(header),
                       " bytes: ", Hex(at_, left())));
      at_ = end_;
      return std::nullopt;
    }
    std::memcpy(&header, at_, sizeof(header));
    at_ += sizeof(header);
    return header;
  }

  std::string TakeOptions(size_t bytes) {
    if (bytes == 0) return "";
    const size_t shown = std::min(bytes, left());
    at_ += shown;
    return absl::StrCat(" options ", Hex(at_ - shown, shown), shown < bytes ? " cut short" : "");
  }

  void Rest(const char* name) {
    if (left() > 0) Add(absl::StrCat(name, " ", left(), ": ", Hex(at_, left())));
    at_ = end_;
  }

  // What follows a frame's last header.
  void Padding() {
    if (std::any_of(at_, end_, [](uint8_t byte) { return byte != 0; })) return Rest("trailing");
    if (left() > 0) Add(absl::StrCat("pad ", left()));
    at_ = end_;
  }

  void Ethernet() {
    const uint8_t* start = at_;
    const auto header = Take<EthernetHeader>("eth");
    if (!header) return;
    const uint16_t type = header->ether_type.host();
    Add(start, absl::StrFormat("eth %s > %s type 0x%04x", header->source.ToString(),
                               header->destination.ToString(), type));
    Inside(type);
  }

  void Inside(uint16_t ether_type) {
    switch (ether_type) {
      case kEtherTypeVlan:
      case 0x88a8:
        return Vlan();
      case kEtherTypeArp:
      case kEtherTypeRarp:
        return Arp();
      case kEtherTypeIpv4:
        return Ipv4();
      default:
        return Rest("payload");
    }
  }

  void Vlan() {
    struct Tag {
      Be16 tci, ether_type;
    };
    const uint8_t* start = at_;
    const auto tag = Take<Tag>("vlan");
    if (!tag) return;
    const uint16_t tci = tag->tci.host();
    Add(start, absl::StrFormat("vlan %d priority %d%s type 0x%04x", tci & kVlanIdMask, tci >> 13,
                               tci & 0x1000 ? " DEI" : "", tag->ether_type.host()));
    Inside(tag->ether_type.host());
  }

  void Arp() {
    const uint8_t* start = at_;
    const auto arp = Take<ArpHeader>("arp");
    if (!arp) return;
    const std::string sender =
        absl::StrCat(arp->sender_ip.ToString(), " (", arp->sender_mac.ToString(), ")");
    const std::string target =
        absl::StrCat(arp->target_ip.ToString(), " (", arp->target_mac.ToString(), ")");
    std::string text;
    switch (arp->operation.host()) {
      case kArpRequest:
        text = absl::StrCat("arp request who-has ", target, " tell ", sender);
        break;
      case kArpReply:
        text = absl::StrCat("arp reply ", sender, " to ", target);
        break;
      default:
        text = absl::StrCat("arp operation ", arp->operation.host(), " sender ", sender, " target ",
                            target);
    }
    if (arp->hardware_type != Be16(kArpHardwareEthernet) ||
        arp->protocol_type != Be16(kEtherTypeIpv4) || arp->hardware_length != 6 ||
        arp->protocol_length != 4)
      absl::StrAppendFormat(&text, ", hardware %d/%d protocol 0x%04x/%d", arp->hardware_type.host(),
                            arp->hardware_length, arp->protocol_type.host(), arp->protocol_length);
    Add(start, std::move(text));
    Padding();
  }

  void Ipv4() {
    const uint8_t* start = at_;
    const auto ip = Take<Ipv4Header>("ipv4");
    if (!ip) return;
    std::string text =
        absl::StrFormat("ipv4 %s > %s protocol %d ttl %d tos 0x%02x id %d", ip->source.ToString(),
                        ip->destination.ToString(), ip->protocol, ip->time_to_live,
                        ip->type_of_service, ip->identification.host());
    if (ip->version() != 4) absl::StrAppend(&text, " version ", ip->version());
    const uint16_t fragment = ip->fragment.host();
    if (fragment & 0x8000) text += " reserved-bit";
    if (fragment & kIpv4DontFragment) text += " DF";
    if (fragment & kIpv4MoreFragments) text += " MF";
    if (fragment & kIpv4OffsetMask) absl::StrAppend(&text, " offset ", 8 * (fragment & 0x1fff));
    if (ip->header_bytes() < sizeof(Ipv4Header)) {
      absl::StrAppend(&text, " header-words ", ip->header_bytes() / 4, " too small");
      Add(start, std::move(text));
      return Rest("payload");
    }
    text += TakeOptions(ip->header_bytes() - sizeof(Ipv4Header));
    const size_t header_bytes = static_cast<size_t>(at_ - start);
    absl::StrAppend(&text, " length ", ip->total_length.host());

    // Where the packet ends, and whether the frame has all of it.
    const uint8_t* frame_end = end_;
    const size_t wanted = std::max<size_t>(ip->total_length.host(), header_bytes);
    const bool whole = wanted <= static_cast<size_t>(frame_end - start);
    if (whole) end_ = start + wanted;
    if (!whole) absl::StrAppend(&text, " of which ", frame_end - start, " are there");
    if (ip->total_length.host() < header_bytes) text += " too small";
    text += Checksum(ip->checksum, start, header_bytes, 0, &start[10]);
    Add(start, std::move(text));

    Transport(*ip, whole && !ip->is_fragment());
    end_ = frame_end;
    Padding();
  }

  void Transport(const Ipv4Header& ip, bool verifiable) {
    if ((ip.fragment.host() & kIpv4OffsetMask) != 0) return Rest("payload");
    struct {
      Ipv4Address source, destination;
      Be16 protocol, bytes;
    } const pseudo = {ip.source, ip.destination, Be16(ip.protocol),
                      Be16(static_cast<uint16_t>(left()))};
    const uint16_t pseudo_sum = ChecksumSum(&pseudo, sizeof(pseudo));
    switch (ip.protocol) {
      case kIpProtocolIcmp:
        return Icmp(verifiable);
      case kIpProtocolUdp:
        return Udp(verifiable, pseudo_sum);
      case kIpProtocolTcp:
        return Tcp(verifiable, pseudo_sum);
      default:
        return Rest("payload");
    }
  }

  static const char* IcmpName(uint8_t type) {
    switch (type) {
      case kIcmpEcho:
        return "echo";
      case kIcmpEchoReply:
        return "echo-reply";
      case kIcmpUnreachable:
        return "unreachable";
      case kIcmpTimeExceeded:
        return "time-exceeded";
      default:
        return "message";
    }
  }

  void Icmp(bool verifiable) {
    const uint8_t* start = at_;
    const size_t bytes = left();
    const auto icmp = Take<IcmpHeader>("icmp");
    if (!icmp) return;
    std::string text =
        absl::StrFormat("icmp %s type %d code %d", IcmpName(icmp->type), icmp->type, icmp->code);
    const bool sized = icmp->type == kIcmpUnreachable && icmp->code == kIcmpFragmentationNeeded;
    const uint16_t first = icmp->identifier.host(), second = icmp->sequence.host();
    text += sized ? absl::StrCat(" unused ", first, " mtu ", second)
                  : absl::StrCat(" id ", first, " sequence ", second);
    text += verifiable ? Checksum(icmp->checksum, start, bytes, 0, &start[2])
                       : Unverifiable(icmp->checksum);
    Add(start, std::move(text));

    const bool error = icmp->type == kIcmpUnreachable || icmp->type == kIcmpTimeExceeded ||
                       icmp->type == kIcmpParameterProblem || icmp->type == kIcmpRedirect ||
                       icmp->type == kIcmpSourceQuench;
    if (!error || !prefix_.empty()) return Rest("payload");
    prefix_ = "inner ";
    Ipv4();
    prefix_.clear();
  }

  void Udp(bool verifiable, uint16_t pseudo_sum) {
    const uint8_t* start = at_;
    const size_t bytes = left();
    const auto udp = Take<UdpHeader>("udp");
    if (!udp) return;
    std::string text = absl::StrFormat("udp %d > %d length %d", udp->source_port.host(),
                                       udp->destination_port.host(), udp->length.host());
    if (udp->checksum == Be16(0)) {
      text += " checksum none";
    } else if (verifiable) {
      text += Checksum(udp->checksum, start, bytes, pseudo_sum, &start[6]);
    } else {
      text += Unverifiable(udp->checksum);
    }
    Add(start, std::move(text));
    Rest("payload");
  }

  void Tcp(bool verifiable, uint16_t pseudo_sum) {
    static constexpr const char* kFlags[] = {"FIN", "SYN", "RST", "PSH",
                                             "ACK", "URG", "ECE", "CWR"};
    const uint8_t* start = at_;
    const size_t bytes = left();
    const auto tcp = Take<TcpHeader>("tcp");
    if (!tcp) return;
    std::string text =
        absl::StrFormat("tcp %d > %d", tcp->source_port.host(), tcp->destination_port.host());
    for (int bit = 0; bit < 8; ++bit)
      if (tcp->flags >> bit & 1) absl::StrAppend(&text, " ", kFlags[bit]);
    absl::StrAppend(&text, " sequence ", tcp->sequence.host(), " acknowledgement ",
                    tcp->acknowledgement.host(), " window ", tcp->window.host());
    if (tcp->urgent != Be16(0)) absl::StrAppend(&text, " urgent ", tcp->urgent.host());
    if (tcp->header_bytes() < sizeof(TcpHeader)) {
      absl::StrAppend(&text, " header-words ", tcp->header_bytes() / 4, " too small");
    } else {
      text += TakeOptions(tcp->header_bytes() - sizeof(TcpHeader));
    }
    text += verifiable ? Checksum(tcp->checksum, start, bytes, pseudo_sum, &start[16])
                       : Unverifiable(tcp->checksum);
    Add(start, std::move(text));
    Rest("payload");
  }

  static std::string Unverifiable(Be16 checksum) {
    return absl::StrFormat(" checksum 0x%04x unverifiable", checksum.host());
  }

  // `found` is the value at `field`, a place inside the `bytes` bytes that it covers.
  static std::string Checksum(Be16 found, const uint8_t* data, size_t bytes, uint16_t pseudo_sum,
                              const uint8_t* field) {
    Bytes covered(data, data + bytes);
    std::memset(&covered[static_cast<size_t>(field - data)], 0, sizeof(found));
    const uint16_t sum = ChecksumSum(covered.data(), covered.size(), pseudo_sum);
    const Be16 right = Be16::FromRaw(static_cast<uint16_t>(~sum));
    std::string text = absl::StrFormat(" checksum 0x%04x ", found.host());
    if (FoldChecksum(uint64_t{sum} + found.raw()) == 0xffff) return text + "right";
    if (pseudo_sum != 0 && found.raw() == pseudo_sum) return text + "partial";
    return text + absl::StrFormat("wrong, right is 0x%04x", right.host());
  }

  const uint8_t* const begin_;
  const uint8_t* at_;
  const uint8_t* end_;
  std::string prefix_;  // "inner " inside an ICMP error
  std::vector<FrameLine> lines_;
};

// "the first difference is at byte 21 (0x02, not 0x01), which is byte 7 of: arp reply ..."
std::string FirstDifference(const Bytes& actual, const Bytes& expected) {
  const auto [a, e] = std::mismatch(actual.begin(), actual.end(), expected.begin(), expected.end());
  const auto offset = static_cast<size_t>(a - actual.begin());
  if (a == actual.end() || e == expected.end())
    return absl::StrCat("the first ", offset, " bytes are equal, but it has ", actual.size(),
                        " bytes instead of ", expected.size());
  std::string text =
      absl::StrFormat("the first difference is at byte %d (0x%02x, not 0x%02x)", offset, *a, *e);
  const std::vector<FrameLine> lines = FrameLines(actual);
  for (size_t i = lines.size(); i-- > 0;) {
    if (lines[i].offset > offset) continue;
    absl::StrAppend(&text, ", byte ", offset - lines[i].offset, " of: ", lines[i].text);
    break;
  }
  return text;
}

class EqualsFrameMatcher : public testing::MatcherInterface<const Packet&> {
 public:
  explicit EqualsFrameMatcher(Packet expected) : expected_(std::move(expected)) {}

  bool MatchAndExplain(const Packet& actual,
                       testing::MatchResultListener* listener) const override {
    if (actual == expected_) return true;
    *listener << FirstDifference(actual.bytes(), expected_.bytes());
    return false;
  }
  void DescribeTo(std::ostream* out) const override {
    *out << "equals the frame\n" << Describe(expected_);
  }
  void DescribeNegationTo(std::ostream* out) const override {
    *out << "differs from the frame\n" << Describe(expected_);
  }

 private:
  const Packet expected_;
};

}  // namespace

std::vector<FrameLine> FrameLines(const Bytes& frame) { return Describer(frame).Run(); }

std::string Describe(const Packet& packet) {
  std::string text = absl::StrCat("  ", packet.size(), " bytes\n");
  for (const FrameLine& line : FrameLines(packet.bytes()))
    absl::StrAppend(&text, "  ", line.text, "\n");
  return text;
}

testing::Matcher<const Packet&> EqualsFrame(Packet expected) {
  return testing::MakeMatcher(new EqualsFrameMatcher(std::move(expected)));
}

}  // namespace podwarp::test
