// Blocks as the draft has them.
#include "observe/pcapng.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pcapng_reader.h"

namespace podwarp::test {
namespace {

std::span<const std::byte> BytesOf(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

TEST(PcapngTest, AFile) {
  std::string file;
  AppendSection(
      {.hardware = "x86_64", .os = "Linux 6.1", .application = "podwarp 1", .comment = "node a"},
      &file);
  AppendInterface({.name = "default/web-1", .description = "pod", .snap_bytes = 96}, &file);
  AppendInterface({.name = "uplink0", .description = ""}, &file);
  constexpr int64_t kTime = 1'700'000'000'123'456'789;
  AppendPacket({.interface = 1,
                .unix_ns = kTime,
                .frame_bytes = 1500,
                .bytes = BytesOf("frame"),
                .direction = PcapngDirection::kOutbound,
                .comment = "dropped"},
               &file);
  AppendPacket({.interface = 0, .unix_ns = kTime + 1, .frame_bytes = 4, .bytes = BytesOf("four")},
               &file);
  AppendStatistics({.interface = 1, .unix_ns = kTime, .dropped = 5'000'000'000, .comment = "x"},
                   &file);
  const PcapngFile read = ReadPcapng(file);
  EXPECT_EQ(read.section, (std::map<uint16_t, std::string>{
                              {1, "node a"}, {2, "x86_64"}, {3, "Linux 6.1"}, {4, "podwarp 1"}}));
  ASSERT_EQ(read.frames.size(), 2u);
  EXPECT_EQ(read.frames[0].interface.name, "uplink0");
  EXPECT_EQ(read.frames[0].interface.snap_bytes, 0u);
  EXPECT_EQ(read.frames[0].unix_ns, kTime);
  EXPECT_EQ(read.frames[0].frame_bytes, 1500u);
  EXPECT_EQ(read.frames[0].bytes, "frame");
  EXPECT_EQ(read.frames[0].flags, 2u);
  EXPECT_EQ(read.frames[0].comment, "dropped");
  EXPECT_EQ(read.frames[1].interface.name, "default/web-1");
  EXPECT_EQ(read.frames[1].interface.description, "pod");
  EXPECT_EQ(read.frames[1].interface.snap_bytes, 96u);
  EXPECT_EQ(read.frames[1].flags, 0u);
  EXPECT_EQ(read.frames[1].comment, "");
  EXPECT_EQ(read.dropped, (std::map<uint32_t, uint64_t>{{1, 5'000'000'000}}));
}

TEST(PcapngTest, EveryLengthIsPadded) {
  for (size_t length = 0; length < 9; ++length) {
    const std::string text(length, 'x');
    std::string file;
    AppendSection({.application = text}, &file);
    AppendInterface({.name = text, .description = text}, &file);
    AppendPacket({.frame_bytes = 9, .bytes = BytesOf(text), .comment = text}, &file);
    const PcapngFile read = ReadPcapng(file);
    ASSERT_EQ(read.frames.size(), 1u) << length;
    EXPECT_EQ(read.frames[0].bytes, text);
    EXPECT_EQ(read.frames[0].comment, text);
    EXPECT_EQ(read.frames[0].interface.name, text);
  }
}

TEST(PcapngTest, ATextThatIsTooLongIsCut) {
  std::string file;
  AppendSection({.comment = std::string(70'000, 'x')}, &file);
  EXPECT_EQ(ReadPcapng(file).section.at(1).size(), 65'535u);
}

}  // namespace
}  // namespace podwarp::test
