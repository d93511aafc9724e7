// The API's trace of a node that forwards, its ports being in memory.
#include "observe/trace_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "unit/control/reconciler_fixture.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// So long that only who hangs waits for it.
constexpr absl::Duration kLong = absl::Seconds(30);

class TraceStreamTest : public ReconcilerTest {
 protected:
  absl::StatusOr<std::unique_ptr<ApiStream>> TryOpen(const ApiParameters& parameters) {
    return TraceStream::Open(parameters, &*node_, &watch_, &*loop_);
  }
  std::unique_ptr<ApiStream> Open(const ApiParameters& parameters) {
    auto stream = TryOpen(parameters);
    EXPECT_TRUE(stream.ok()) << stream.status();
    return *std::move(stream);
  }
  std::string MessageOf(const ApiParameters& parameters) {
    const auto stream = TryOpen(parameters);
    EXPECT_FALSE(stream.ok());
    return std::string(stream.status().message());
  }
  // Goes the whole way before it returns.
  void Send(const Packet& packet) {
    factory_["default/web"].Inject(packet);
    Forward();
  }
  // What the stream says until its end, by one field of each line.
  static std::vector<std::string> RestOf(ApiStream& stream, const char* field) {
    std::vector<std::string> values;
    while (const std::optional<std::string> part = stream.Next(kLong))
      Append(*part, field, &values);
    return values;
  }
  // What it says now.
  static std::vector<std::string> Next(ApiStream& stream, const char* field) {
    std::vector<std::string> values;
    Append(stream.Next(kLong).value_or(""), field, &values);
    return values;
  }
  size_t open_traces() {
    return OnControl([&] {
      const Observers* observers = tables_->observers();
      return observers == nullptr ? size_t{0} : observers->traces.size();
    });
  }

  static Packet Spoofed() {
    return Ethernet(kGatewayMac, kWebMac) / Ipv4(kDb, kOnB) / Udp(1, 2) / Payload(30);
  }

  Watch watch_{&*node_, &*tables_};

 private:
  static void Append(const std::string& part, const char* field, std::vector<std::string>* values) {
    for (const auto line : absl::StrSplit(part, '\n', absl::SkipEmpty())) {
      const auto json = nlohmann::ordered_json::parse(std::string(line));
      values->push_back(json.contains(field) ? json[field].get<std::string>() : json.dump());
    }
  }
};

TEST_F(TraceStreamTest, TellsFramesAsTheyCome) {
  const auto stream = Open({});
  EXPECT_EQ(stream->content_type(), "application/x-ndjson");
  EXPECT_EQ(stream->Next(absl::ZeroDuration()), "");
  Send(FromWeb(kOnB));
  EXPECT_THAT(Next(*stream, "end"), ElementsAre("sent"));
  Send(Spoofed());
  EXPECT_THAT(Next(*stream, "reason"), ElementsAre("spoofed_ip"));
}

TEST_F(TraceStreamTest, TellsWhenTheyCame) {
  const absl::Time before = absl::Now();
  const auto stream = Open({{"count", "1"}});
  Send(FromWeb(kOnB));
  const std::vector<std::string> told = RestOf(*stream, "time");
  ASSERT_EQ(told.size(), 1);
  absl::Time time;
  ASSERT_TRUE(absl::ParseTime(absl::RFC3339_full, told[0], &time, nullptr));
  // Clocks are compared: TSC and wall clock.
  EXPECT_GT(time, before - absl::Seconds(1));
  EXPECT_LT(time, absl::Now() + absl::Seconds(1));
}

TEST_F(TraceStreamTest, EndsAfterItsCountAndTheAnswersToIt) {
  const auto stream = Open({{"count", "2"}});
  Send(FromWeb(kOnB, /*ttl=*/1));
  Send(FromWeb(kOnB, /*ttl=*/1));
  Send(FromWeb(kOnB));
  EXPECT_THAT(RestOf(*stream, "end"), ElementsAre("dropped", "sent", "dropped", "sent"));
  EXPECT_EQ(stream->Next(kLong), std::nullopt);
}

TEST_F(TraceStreamTest, EndsAfterItsTime) {
  const auto stream = Open({{"seconds", "0.01"}});
  EXPECT_THAT(RestOf(*stream, "end"), ElementsAre());
}

TEST_F(TraceStreamTest, WithoutCountGoesOn) {
  const auto stream = Open({{"count", "0"}});
  for (int i = 0; i < 50; ++i) Send(FromWeb(kOnB));
  size_t told = 0;
  while (told < 50) told += Next(*stream, "end").size();
  EXPECT_EQ(stream->Next(absl::ZeroDuration()), "");
}

TEST_F(TraceStreamTest, TellsOnlyWhatIsAskedFor) {
  const auto spoofed = Open({{"drop", "spoofed_ip"}, {"count", "1"}});
  const auto any = Open({{"drop", "any"}, {"count", "2"}});
  const auto db = Open({{"pod", "default/db"}, {"count", "1"}});
  const auto outside = Open({{"ip", kOutside.ToString()}, {"count", "1"}});
  Send(FromWeb(kOutside));
  Send(FromWeb(kOnB));
  Send(FromWeb(kDb));
  Send(Spoofed());
  EXPECT_THAT(RestOf(*spoofed, "reason"), ElementsAre("spoofed_ip"));
  // The first one's answer among them.
  EXPECT_THAT(RestOf(*any, "end"), ElementsAre("dropped", "sent", "dropped"));
  EXPECT_THAT(RestOf(*db, "at_pod"), ElementsAre("default/db"));
  EXPECT_THAT(RestOf(*outside, "end"), ElementsAre("dropped", "sent"));
}

TEST_F(TraceStreamTest, TellsAtTheEndWhatWasLost) {
  const auto stream = Open({{"seconds", "0.001"}});
  const std::shared_ptr<TraceSession> session =
      OnControl([&] { return tables_->observers()->traces.at(0); });
  while (session->worker(0).ring.Reserve(1 << 10) != nullptr) continue;
  EXPECT_THAT(RestOf(*stream, "end"), ElementsAre("{\"lost\":1}"));
}

TEST_F(TraceStreamTest, IsClosedWithItsReader) {
  auto stream = Open({});
  EXPECT_EQ(open_traces(), 1);
  stream.reset();
  EXPECT_EQ(open_traces(), 0);
}

TEST_F(TraceStreamTest, WhatIsWrongIsNamed) {
  EXPECT_EQ(MessageOf({{"pods", "x"}}),
            "pods: unknown parameter (known: pod, ip, port, drop, count, seconds)");
  EXPECT_EQ(MessageOf({{"seconds", "soon"}}),
            "seconds: 'soon' is no time; expected seconds above 0");
  EXPECT_EQ(MessageOf({{"seconds", "-1"}}), "seconds: '-1' is no time; expected seconds above 0");
  EXPECT_THAT(MessageOf({{"count", "many"}}), HasSubstr("count: 'many'"));
  EXPECT_THAT(MessageOf({{"ip", "10.244"}}), HasSubstr("ip: "));
  EXPECT_THAT(MessageOf({{"ip", "10.244"}}), HasSubstr("10.244"));
  EXPECT_EQ(MessageOf({{"drop", "evil"}}), "drop: there is no drop reason 'evil'");
  EXPECT_EQ(MessageOf({{"pod", ""}}), "pod: is empty; expected a name");
  EXPECT_EQ(MessageOf({{"pod", "default/nobody"}}),
            "pod: there is no pod default/nobody on this node");
  EXPECT_EQ(TryOpen({{"port", "uplink9"}}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(TryOpen({{"count", "-1"}}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(TraceStreamTest, TooManyAreRefused) {
  std::vector<std::unique_ptr<ApiStream>> streams;
  for (size_t i = 0; i < kMaxTraces; ++i) streams.push_back(Open({}));
  EXPECT_EQ(TryOpen({}).status().code(), absl::StatusCode::kResourceExhausted);
  streams.pop_back();
  EXPECT_TRUE(TryOpen({}).ok());
}

TEST_F(TraceStreamTest, EndsWithPodwarp) {
  const auto stream = Open({});
  Send(FromWeb(kOnB));
  loop_->Stop();
  control_.join();
  EXPECT_THAT(RestOf(*stream, "end"), ElementsAre());
  EXPECT_EQ(TryOpen({}).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace podwarp::test
