// A capture of a node's frames, as whoever asks the API for it reads it.
#include "observe/capture_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pcapng_reader.h"
#include "support/eventually.h"
#include "unit/control/reconciler_fixture.h"

namespace podwarp::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using Frame = PcapngFile::Frame;

constexpr uint32_t kIn = 1, kOut = 2;

class CaptureStreamTest : public ReconcilerTest {
 protected:
  // The stream closes its session there: it ends before the control thread does.
  ~CaptureStreamTest() override { stream_.reset(); }

  absl::Status TryOpen(const ApiParameters& parameters) {
    auto stream = CaptureStream::Open(parameters, &*node_, &watch_, &*loop_);
    if (stream.ok()) stream_ = *std::move(stream);
    return stream.status();
  }
  void Open(const ApiParameters& parameters = {}) {
    const absl::Status status = TryOpen(parameters);
    ASSERT_TRUE(status.ok()) << status;
  }
  std::string ErrorOf(const ApiParameters& parameters) {
    return std::string(TryOpen(parameters).message());
  }
  // Until there is nothing for now.
  PcapngFile Read() {
    while (true) {
      const std::optional<std::string> part = stream_->Next(absl::ZeroDuration());
      is_over_ = !part.has_value();
      if (is_over_ || part->empty()) break;
      file_ += *part;
    }
    return ReadPcapng(file_);
  }

  static Packet Spoofed() {
    return Ethernet(kGatewayMac, kWebMac) / Ipv4("10.244.1.66"_ip, kDb) / Udp(1, 2) / Payload(30);
  }
  static std::string Text(const Packet& packet) {
    return {packet.bytes().begin(), packet.bytes().end()};
  }
  static testing::Matcher<const Frame&> IsFrame(const Packet& packet, const std::string& interface,
                                                uint32_t flags, const std::string& comment = "") {
    return AllOf(Field("bytes", &Frame::bytes, Text(packet)),
                 Field("interface", &Frame::interface,
                       Field("name", &PcapngFile::Interface::name, interface)),
                 Field("flags", &Frame::flags, flags), Field("comment", &Frame::comment, comment));
  }
  const std::string kSpoofedComment = "dropped: spoofed_ip (" +
                                      std::string(Help(DropReason::kSpoofedIp)) +
                                      "); port default/web, pod default/web, stage guard_source";

  Watch watch_{&*node_, &*tables_};
  std::unique_ptr<ApiStream> stream_;
  std::string file_;
  bool is_over_ = false;
};

TEST_F(CaptureStreamTest, AFrameComesAndLeaves) {
  Open();
  EXPECT_EQ(stream_->content_type(), "application/x-pcapng");
  const absl::Time before = absl::Now();
  Inject("default/web", FromWeb(kDb));
  const PcapngFile file = Read();
  EXPECT_EQ(file.section.at(4), "podwarp " PODWARP_VERSION);
  EXPECT_EQ(file.section.at(1), "node node-a");
  EXPECT_THAT(file.frames,
              ElementsAre(IsFrame(FromWeb(kDb), "default/web", kIn),
                          IsFrame(FromWebBy(kDbMac, kGatewayMac, kDb), "default/db", kOut)));
  EXPECT_THAT(file.interfaces,
              ElementsAre(Field(&PcapngFile::Interface::description, "pod default/web, memory"),
                          Field(&PcapngFile::Interface::description, "pod default/db, memory")));
  EXPECT_LE(file.frames[0].unix_ns, file.frames[1].unix_ns);
  EXPECT_GE(absl::FromUnixNanos(file.frames[0].unix_ns), before - absl::Milliseconds(100));
  EXPECT_LE(absl::FromUnixNanos(file.frames[1].unix_ns), absl::Now() + absl::Milliseconds(100));
  Inject("default/web", FromWeb(kDb));
  EXPECT_EQ(Read().interfaces.size(), 2u);
}

TEST_F(CaptureStreamTest, ADroppedFrameSaysWhy) {
  Open();
  Inject("default/web", Spoofed());
  EXPECT_THAT(Read().frames, ElementsAre(IsFrame(Spoofed(), "default/web", kIn),
                                         IsFrame(Spoofed(), "default/web", kIn, kSpoofedComment)));
}

TEST_F(CaptureStreamTest, OnlyDrops) {
  Open({{"drops", "true"}});
  Inject("default/web", FromWeb(kDb));
  Inject("default/web", Spoofed());
  EXPECT_THAT(Read().frames, ElementsAre(IsFrame(Spoofed(), "default/web", kIn, kSpoofedComment)));
}

TEST_F(CaptureStreamTest, APortsOrAPodsOnly) {
  Open({{"port", "uplink0"}});
  Inject("default/web", FromWeb(kDb));
  Inject("default/web", FromWeb(kOnB));
  EXPECT_EQ(Read().frames.size(), 1u);
  file_.clear();
  stream_.reset();
  Open({{"pod", "default/db"}});
  Inject("default/web", FromWeb(kDb));
  Inject("default/web", FromWeb(kOnB));
  EXPECT_THAT(Read().frames,
              ElementsAre(IsFrame(FromWebBy(kDbMac, kGatewayMac, kDb), "default/db", kOut)));
}

TEST_F(CaptureStreamTest, WhatTheFilterLetsThrough) {
  Open({{"filter", "udp port 2 and dst host 10.244.2.10"}, {"worker", "1"}});
  Inject("default/web", FromWeb(kDb));
  Inject("default/web", FromWeb(kOnB));
  EXPECT_THAT(Read().frames, ElementsAre(IsFrame(FromWeb(kOnB), "default/web", kIn), testing::_));
}

TEST_F(CaptureStreamTest, CutFramesKeepTheirLength) {
  Open({{"snap_bytes", "64"}});
  Inject("default/web", FromWeb(kDb));
  const PcapngFile file = Read();
  ASSERT_EQ(file.frames.size(), 2u);
  EXPECT_EQ(file.frames[0].bytes, Text(FromWeb(kDb)).substr(0, 64));
  EXPECT_EQ(file.frames[0].frame_bytes, FromWeb(kDb).size());
  EXPECT_EQ(file.interfaces[0].snap_bytes, 64u);
}

TEST_F(CaptureStreamTest, CountAndSecondsEndIt) {
  Open({{"count", "3"}});
  Inject("default/web", FromWeb(kDb));
  Read();
  EXPECT_FALSE(is_over_);
  Inject("default/web", FromWeb(kDb));
  EXPECT_EQ(Read().frames.size(), 3u);
  EXPECT_TRUE(is_over_);
  stream_.reset();
  file_.clear();
  Open({{"seconds", "0.05"}});
  EXPECT_TRUE(Eventually([&] { return Read().frames.empty() && is_over_; }));
}

TEST_F(CaptureStreamTest, ANumberThatIsAnotherPortsIsAnotherInterface) {
  const auto number_of = [&](const char* pod) {
    return OnControl([&] { return node_->pods().at(pod).port; });
  };
  Open();
  Inject("default/web", FromWeb(kDb));
  EXPECT_EQ(Read().interfaces.size(), 2u);
  const PortId number = number_of("default/db");
  Config without_db = config_;
  without_db.pods.pop_back();
  ASSERT_TRUE(Reload(without_db).ok());
  Step(absl::Seconds(1));  // the worker has seen that it is gone
  ASSERT_TRUE(Apply(Put(api_)).status.ok());
  ASSERT_EQ(number_of("default/api"), number);
  Inject("default/web", FromWeb(api_.addresses[0]));
  const PcapngFile file = Read();
  EXPECT_THAT(file.interfaces, ElementsAre(Field(&PcapngFile::Interface::name, "default/web"),
                                           Field(&PcapngFile::Interface::name, "default/db"),
                                           Field(&PcapngFile::Interface::name, "default/api")));
  ASSERT_FALSE(file.frames.empty());
  EXPECT_EQ(file.frames.back().interface.name, "default/api");
}

TEST_F(CaptureStreamTest, WhatFoundNoRoomIsTold) {
  Open();
  Read();
  const Packet large = Spoofed() / Payload(1'300);
  constexpr int kFrames = 4'000;  // twice each: more than the ring's 8 MiB
  for (int i = 0; i < kFrames; ++i) {
    factory_["default/web"].Inject(large);
    if (i % 64 == 63) Forward();
  }
  Forward();
  PcapngFile file;
  ASSERT_TRUE(Eventually([&] {
    file = Read();
    return file.dropped.size() == 1;
  }));
  EXPECT_GT(file.dropped.at(0), 0u);
  EXPECT_EQ(file.frames.size() + file.dropped.at(0), 2u * kFrames);
}

TEST_F(CaptureStreamTest, ASessionEndsWithItsStream) {
  for (int i = 0; i < 20; ++i) {
    Open();
    stream_.reset();
  }
  std::vector<std::unique_ptr<ApiStream>> open;
  for (size_t i = 0; i < kMaxCaptures; ++i) {
    Open();
    open.push_back(std::move(stream_));
  }
  EXPECT_TRUE(absl::IsResourceExhausted(TryOpen({})));
}

TEST_F(CaptureStreamTest, WhatIsWrongIsSaid) {
  EXPECT_EQ(ErrorOf({{"prot", "x"}}),
            "prot: unknown parameter (known: pod, port, worker, drops, filter, snap_bytes, count, "
            "seconds)");
  EXPECT_THAT(ErrorOf({{"filter", "tcp prot"}}), testing::StartsWith("filter: "));
  EXPECT_EQ(ErrorOf({{"worker", "2"}}), "worker: '2' is not a whole number from 1 to 1");
  EXPECT_EQ(ErrorOf({{"snap_bytes", "3"}}),
            "snap_bytes: '3' is not a whole number from 64 to 65535");
  EXPECT_EQ(ErrorOf({{"seconds", "-1"}}), "seconds: '-1' is not a number above 0");
  EXPECT_THAT(ErrorOf({{"drops", "maybe"}}), testing::StartsWith("drops: "));
  EXPECT_TRUE(absl::IsNotFound(TryOpen({{"pod", "default/x"}})));
  EXPECT_TRUE(absl::IsNotFound(TryOpen({{"port", "x"}})));
}

TEST_F(CaptureStreamTest, EndsWithPodwarp) {
  Open();
  Read();
  loop_->Stop();
  ASSERT_TRUE(Eventually([&] { return !loop_->Call([] {}); }));
  Inject("default/web", FromWeb(kDb));
  EXPECT_TRUE(Eventually([&] { return Read().frames.empty() && is_over_; }));
  EXPECT_TRUE(absl::IsUnavailable(TryOpen({})));
}

}  // namespace
}  // namespace podwarp::test
