#include "observe/icmp_text.h"

#include "absl/strings/str_cat.h"

namespace podwarp {
namespace {

std::string UnreachableText(const IcmpHeader& icmp) {
  switch (icmp.code) {
    case kIcmpNetUnreachable:
      return "network unreachable";
    case kIcmpHostUnreachable:
      return "host unreachable";
    case kIcmpProtocolUnreachable:
      return "protocol unreachable";
    case kIcmpPortUnreachable:
      return "port unreachable";
    case kIcmpFragmentationNeeded:
      return absl::StrCat("fragmentation needed, MTU ", icmp.sequence.host());
    default:
      return absl::StrCat("unreachable, code ", icmp.code);
  }
}

}  // namespace

std::string IcmpText(const IcmpHeader& icmp) {
  switch (icmp.type) {
    case kIcmpEcho:
      return absl::StrCat("echo request ", icmp.sequence.host());
    case kIcmpEchoReply:
      return absl::StrCat("echo reply ", icmp.sequence.host());
    case kIcmpUnreachable:
      return UnreachableText(icmp);
    case kIcmpSourceQuench:
      return "source quench";
    case kIcmpRedirect:
      return "redirect";
    case kIcmpTimeExceeded:
      return icmp.code == 0 ? "time exceeded" : "fragments' time exceeded";
    case kIcmpParameterProblem:
      return "parameter problem";
    default:
      return absl::StrCat("type ", icmp.type);
  }
}

}  // namespace podwarp
