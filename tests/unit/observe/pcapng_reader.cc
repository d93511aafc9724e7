#include "pcapng_reader.h"

#include <gtest/gtest.h>

#include <cstring>

namespace podwarp::test {
namespace {

template <typename T>
T Take(std::string_view* bytes) {
  T value = 0;
  if (bytes->size() < sizeof(T)) {
    ADD_FAILURE() << "too short";
    *bytes = "";
    return value;
  }
  std::memcpy(&value, bytes->data(), sizeof(T));
  bytes->remove_prefix(sizeof(T));
  return value;
}

std::string TakePadded(size_t length, std::string_view* bytes) {
  const size_t padded = (length + 3) / 4 * 4;
  EXPECT_LE(padded, bytes->size());
  std::string taken(bytes->substr(0, length));
  bytes->remove_prefix(std::min(padded, bytes->size()));
  return taken;
}

std::map<uint16_t, std::string> TakeOptions(std::string_view bytes) {
  std::map<uint16_t, std::string> options;
  bool is_ended = bytes.empty();
  while (!bytes.empty()) {
    EXPECT_FALSE(is_ended) << "options behind their end";
    const auto code = Take<uint16_t>(&bytes);
    const auto length = Take<uint16_t>(&bytes);
    is_ended = code == 0;
    if (is_ended) {
      EXPECT_EQ(length, 0);
    } else {
      options[code] = TakePadded(length, &bytes);
    }
  }
  EXPECT_TRUE(is_ended);
  return options;
}

size_t BodyBytes(uint32_t type, std::string_view content) {
  switch (type) {
    case 0x0a0d0d0a:
      return 16;
    case 1:
      return 8;
    case 5:
      return 12;
    case 6: {
      if (content.size() < 20) return content.size();
      std::string_view captured = content.substr(12);
      return 20 + (Take<uint32_t>(&captured) + 3) / 4 * 4;
    }
    default:
      ADD_FAILURE() << "block of type " << type;
      return content.size();
  }
}

int64_t TakeTime(std::string_view* bytes) {
  const uint64_t high = Take<uint32_t>(bytes);
  return static_cast<int64_t>(high << 32 | Take<uint32_t>(bytes));
}

}  // namespace

std::vector<PcapngBlock> ReadBlocks(std::string_view file) {
  std::vector<PcapngBlock> blocks;
  while (!file.empty()) {
    std::string_view rest = file;
    PcapngBlock& block = blocks.emplace_back();
    block.type = Take<uint32_t>(&rest);
    const auto length = Take<uint32_t>(&rest);
    if (length < 12 || length % 4 != 0 || length > file.size()) {
      ADD_FAILURE() << "length " << length << " of a block, with " << file.size() << " left";
      return blocks;
    }
    std::string_view content = rest.substr(0, length - 12);
    std::string_view end = rest.substr(length - 12, 4);
    EXPECT_EQ(Take<uint32_t>(&end), length);
    const size_t body = BodyBytes(block.type, content);
    EXPECT_LE(body, content.size());
    block.body = content.substr(0, body);
    block.options = TakeOptions(content.substr(std::min(body, content.size())));
    file.remove_prefix(length);
  }
  return blocks;
}

PcapngFile ReadPcapng(std::string_view file) {
  PcapngFile read;
  for (PcapngBlock& block : ReadBlocks(file)) {
    std::string_view body = block.body;
    if (block.type == 0x0a0d0d0a) {
      EXPECT_EQ(Take<uint32_t>(&body), 0x1a2b3c4du);
      EXPECT_EQ(Take<uint32_t>(&body), 1u);  // version 1.0
      EXPECT_EQ(Take<uint64_t>(&body), UINT64_MAX);
      EXPECT_TRUE(read.section.empty() && read.interfaces.empty());
      read.section = block.options;
    } else if (block.type == 1) {
      EXPECT_EQ(Take<uint32_t>(&body), 1u);  // Ethernet
      EXPECT_EQ(block.options[9], "\x09");   // nanoseconds
      read.interfaces.push_back({block.options[2], block.options[3], Take<uint32_t>(&body)});
    } else if (block.type == 5) {
      const auto interface = Take<uint32_t>(&body);
      EXPECT_LT(interface, read.interfaces.size());
      std::string_view dropped = block.options[5];
      read.dropped[interface] = Take<uint64_t>(&dropped);
    } else {
      PcapngFile::Frame& frame = read.frames.emplace_back();
      const auto interface = Take<uint32_t>(&body);
      EXPECT_LT(interface, read.interfaces.size());
      if (interface < read.interfaces.size()) frame.interface = read.interfaces[interface];
      frame.unix_ns = TakeTime(&body);
      const auto captured = Take<uint32_t>(&body);
      frame.frame_bytes = Take<uint32_t>(&body);
      frame.bytes = body.substr(0, captured);
      std::string_view flags = block.options[2];
      if (!flags.empty()) frame.flags = Take<uint32_t>(&flags);
      frame.comment = block.options[1];
    }
  }
  return read;
}

}  // namespace podwarp::test
