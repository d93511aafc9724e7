// Writing captures as pcapng, block by block: what Wireshark, tshark and tcpdump read.
//
// DPDK has rte_pcapng, but in 22.11 it knows ethdevs only, of which taps and vhost-user ports are
// none, and writes no comments to packets, in which the reasons of drops stand.
//
// Blocks are appended to a string, in this machine's byte order. Texts of an option have at most
// 65,535 bytes; what is longer is cut. Thread rule: any thread.
// Source: draft-ietf-opsawg-pcapng, section 4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace podwarp {

// The beginning of a file. Interfaces are numbered from 0 on in the order of their descriptions,
// which stand before whatever is of them.
struct PcapngSection {
  std::string_view hardware;
  std::string_view os;
  std::string_view application;
  std::string_view comment;
};
void AppendSection(const PcapngSection& section, std::string* out);

// Ethernet, with times in nanoseconds.
struct PcapngInterface {
  std::string_view name;
  std::string_view description;
  uint32_t snap_bytes = 0;  // of each frame; 0 = no bound
};
void AppendInterface(const PcapngInterface& interface, std::string* out);

enum class PcapngDirection : uint32_t { kUnknown = 0, kInbound = 1, kOutbound = 2 };

struct PcapngPacket {
  uint32_t interface = 0;
  int64_t unix_ns = 0;
  uint32_t frame_bytes = 0;  // of the whole frame, of which `bytes` is the beginning
  std::span<const std::byte> bytes;
  PcapngDirection direction = PcapngDirection::kUnknown;
  std::string_view comment;  // empty: none
};
void AppendPacket(const PcapngPacket& packet, std::string* out);

// Of an interface, since the section's beginning; the last ones count.
struct PcapngStatistics {
  uint32_t interface = 0;
  int64_t unix_ns = 0;
  uint64_t dropped = 0;      // packets that should be here, and are not
  std::string_view comment;  // empty: none
};
void AppendStatistics(const PcapngStatistics& statistics, std::string* out);

}  // namespace podwarp
