// podwarpctl capture: what it asks for, and that what it writes is whole.

#include <fstream>
#include <sstream>

#include "capture/blocks.h"
#include "program.h"

namespace podwarp::ctl::test {
namespace {

using testing::StartsWith;

template <typename T>
void Append(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

std::string Block(uint32_t type, const std::string& body) {
  std::string block;
  Append(type, &block);
  const auto length = static_cast<uint32_t>(body.size() + 12);
  Append(length, &block);
  block += body;
  Append(length, &block);
  return block;
}

std::string Frame() { return Block(6, std::string(40, 'f')); }

std::string Lost(uint32_t interface, uint64_t count) {
  std::string body;
  Append(interface, &body);
  body += std::string(8, '\0');  // the time
  Append(uint16_t{1}, &body);    // a comment, padded
  Append(uint16_t{5}, &body);
  body += std::string("hello\0\0\0", 8);
  Append(uint16_t{5}, &body);
  Append(uint16_t{8}, &body);
  Append(count, &body);
  Append(uint32_t{0}, &body);
  return Block(5, body);
}

const std::string kBegin = Block(0x0a0d0d0a, std::string(16, 's')) + Block(1, std::string(8, 'i'));

class ProgramCaptureTest : public ProgramTest {
 protected:
  std::string file() const { return folder_.path().string() + "/a.pcapng"; }
  std::string Written() const {
    std::ostringstream text;
    text << std::ifstream(file()).rdbuf();
    return text.str();
  }
};

TEST_F(ProgramCaptureTest, WhatComesGoesToStdoutAndTheCountToStderr) {
  const std::string capture = kBegin + Frame() + Frame();
  api_.OnText("GET /v1/capture", 200, capture);
  const Ended ended = Run({"capture"});
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.out, capture);
  EXPECT_EQ(ended.err, "podwarpctl: 2 frames, 0 lost\n");
}

TEST_F(ProgramCaptureTest, OptionsAreParameters) {
  const std::string query =
      "/v1/capture?pod=default%2Fweb&port=uplink0&worker=1&drops=true&filter=tcp%20port%2080"
      "&count=5&seconds=1.5&snap_bytes=96";
  api_.OnText("GET " + query, 200, kBegin + Frame());
  const Ended ended =
      Run({"capture", "--pod", "web", "--port", "uplink0", "--worker", "1", "--drops", "-f",
           "tcp port 80", "-c", "5", "--seconds", "1.5", "-s", "96", "-w", file()});
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(ended.err, "podwarpctl: 1 frame, 0 lost\n");
  EXPECT_EQ(Written(), kBegin + Frame());
}

TEST_F(ProgramCaptureTest, TheLastWordOfWhatIsLostCounts) {
  api_.OnText("GET /v1/capture", 200, kBegin + Lost(0, 7) + Frame() + Lost(1, 2) + Lost(0, 9));
  EXPECT_EQ(Run({"capture", "-w", file()}).err,
            "podwarpctl: 1 frame, 11 lost: they came faster than they could be read\n");
}

// What comes breaks off within a block: the file ends before it.
TEST_F(ProgramCaptureTest, OnlyWholeBlocksAreWritten) {
  api_.OnText("GET /v1/capture", 200, kBegin + Frame() + Frame().substr(0, 30));
  EXPECT_EQ(Run({"capture", "-w", file()}).err, "podwarpctl: 1 frame, 0 lost\n");
  EXPECT_EQ(Written(), kBegin + Frame());
}

TEST_F(ProgramCaptureTest, BlocksMayComeInAnyParts) {
  const std::string capture = kBegin + Frame() + Lost(0, 3) + Frame();
  for (size_t size = 1; size < 50; ++size) {
    CaptureBlocks blocks;
    std::string written;
    for (size_t at = 0; at < capture.size(); at += size) {
      const auto whole = blocks.Take(std::string_view(capture).substr(at, size));
      ASSERT_TRUE(whole.ok());
      written += *whole;
    }
    EXPECT_EQ(written, capture) << size;
    EXPECT_EQ(blocks.frames(), 2u);
    EXPECT_EQ(blocks.lost(), 3u);
  }
}

TEST_F(ProgramCaptureTest, WhatIsWrongIsSaid) {
  api_.OnText("GET /v1/capture?filter=x", 400,
              R"({"error":{"code":"invalid_argument","message":"filter: syntax error"}})");
  const Ended refused = Run({"capture", "-f", "x", "-w", file()});
  EXPECT_EQ(refused.status, 1);
  EXPECT_EQ(refused.err, "podwarpctl: filter: syntax error\n");
  EXPECT_FALSE(std::ifstream(file()).good());

  api_.OnText("GET /v1/capture", 200, "this is no capture at all");
  EXPECT_EQ(Run({"capture"}).err, "podwarpctl: what podwarp sends is no capture\n");

  api_.OnText("GET /v1/capture", 200, kBegin);
  const std::string no_folder = folder_.path().string() + "/none/a";
  const Ended nowhere = Run({"capture", "-w", no_folder});
  EXPECT_EQ(nowhere.status, 1);
  EXPECT_EQ(nowhere.err, "podwarpctl: " + no_folder + ": No such file or directory\n");
  EXPECT_EQ(Run({"capture", "-w", "/dev/full"}).err,
            "podwarpctl: /dev/full: No space left on device\n");

  const Ended nobody = RunProgram({"--socket", no_folder, "capture"});
  EXPECT_EQ(nobody.status, 3);
  EXPECT_THAT(nobody.err, StartsWith("podwarpctl: podwarp does not answer at " + no_folder));
}

}  // namespace
}  // namespace podwarp::ctl::test
