// Reads what podwarp writes, block by block, by the words of the draft alone.
//
// Source: draft-ietf-opsawg-pcapng, section 4.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace podwarp::test {

struct PcapngBlock {
  uint32_t type = 0;
  std::string body;                         // what stands before the options
  std::map<uint16_t, std::string> options;  // without the one that ends them
};

struct PcapngFile {
  struct Interface {
    std::string name, description;
    uint32_t snap_bytes = 0;
  };
  struct Frame {
    Interface interface;
    int64_t unix_ns = 0;
    uint32_t frame_bytes = 0;
    std::string bytes;
    uint32_t flags = 0;
    std::string comment;
  };
  std::map<uint16_t, std::string> section;  // its options
  std::vector<Interface> interfaces;
  std::vector<Frame> frames;
  std::map<uint32_t, uint64_t> dropped;  // by interface
};

// The test fails if it isn't right.
std::vector<PcapngBlock> ReadBlocks(std::string_view file);
PcapngFile ReadPcapng(std::string_view file);

}  // namespace podwarp::test
