// Recorded watches in pieces of every size, and what is no watch.
#include "kubernetes/watch_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recorded.h"

namespace podwarp {
namespace {

using testing::HasSubstr;
using Type = WatchEvent::Type;

struct Kept {
  std::vector<WatchEvent> events;
  WatchStream stream{[this](const WatchEvent& event) {
    events.push_back(event);
    return absl::OkStatus();
  }};
};

std::string NameOf(Type type) {
  switch (type) {
    case Type::kAdded:
      return "ADDED";
    case Type::kModified:
      return "MODIFIED";
    case Type::kDeleted:
      return "DELETED";
    case Type::kBookmark:
      return "BOOKMARK";
    case Type::kError:
      return "ERROR";
  }
  return "";
}

void ExpectRecorded(const std::vector<WatchEvent>& events, const std::string& file) {
  const std::vector<nlohmann::json> lines = test::RecordedLines(file);
  ASSERT_EQ(events.size(), lines.size());
  for (size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(NameOf(events[i].type), lines[i]["type"].get<std::string>());
    EXPECT_EQ(events[i].object, lines[i]["object"]);
  }
}

constexpr const char* kWatches[] = {"nodes.watch.jsonl",          "pods.watch.jsonl",
                                    "services.watch.jsonl",       "endpointslices.watch.jsonl",
                                    "watch.410.cache.jsonl",      "watch.410.etcd.jsonl",
                                    "watch.future-rv.empty.jsonl"};

TEST(WatchStreamTest, RecordedWatchesInPiecesOfEverySize) {
  for (const char* file : kWatches) {
    SCOPED_TRACE(file);
    const std::string text = test::Recorded(file);
    for (const size_t size : {size_t{1}, size_t{2}, size_t{7}, size_t{4096}, size_t{1} << 20}) {
      Kept kept;
      for (size_t at = 0; at < text.size(); at += size) {
        ASSERT_TRUE(kept.stream.Feed(std::string_view(text).substr(at, size)).ok());
      }
      EXPECT_FALSE(kept.stream.is_within_line());
      ExpectRecorded(kept.events, file);
    }
  }
}

TEST(WatchStreamTest, CutInTwoAtEveryByte) {
  const std::string text = test::Recorded("services.watch.jsonl");
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    Kept kept;
    ASSERT_TRUE(kept.stream.Feed(std::string_view(text).substr(0, cut)).ok());
    ASSERT_EQ(kept.stream.is_within_line(), cut > 0 && text[cut - 1] != '\n') << cut;
    ASSERT_TRUE(kept.stream.Feed(std::string_view(text).substr(cut)).ok());
    ASSERT_EQ(kept.events.size(), 3u) << cut;
  }
}

TEST(WatchStreamTest, BlankLinesAndCarriageReturns) {
  Kept kept;
  ASSERT_TRUE(kept.stream.Feed("\n\r\n {\"type\":\"ADDED\",\"object\":{\"a\":1}} \r\n\n \n").ok());
  ASSERT_EQ(kept.events.size(), 1u);
  EXPECT_EQ(kept.events[0].object, nlohmann::json({{"a", 1}}));
}

TEST(WatchStreamTest, LinesThatAreNoEvents) {
  for (const char* line :
       {"x", "{", "[]", "5", "null", "{}", R"({"type":"ADDED"})", R"({"object":{}})",
        R"({"type":"added","object":{}})", R"({"type":5,"object":{}})",
        R"({"type":"ADDED","object":null})", R"({"type":"ADDED","object":[]})",
        R"({"type":"ADDED","object":{}} {})", "{\"type\":\"ADDED\",\"object\":{\"\xff\":1}}"}) {
    Kept kept;
    const absl::Status status = kept.stream.Feed(std::string(line) + "\n");
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << line;
    EXPECT_THAT(std::string(status.message()), HasSubstr("is no event")) << line;
    EXPECT_TRUE(kept.events.empty()) << line;
  }
}

TEST(WatchStreamTest, ALineIsBounded) {
  const std::string event = R"({"type":"ADDED","object":{"a":")" + std::string(60, 'x') + "\"}}";
  int events = 0;
  const auto count = [&events](const WatchEvent&) {
    ++events;
    return absl::OkStatus();
  };
  WatchStream enough(count, event.size());
  EXPECT_TRUE(enough.Feed(event + "\n" + event + "\n").ok());
  EXPECT_EQ(events, 2);
  // Whether it comes at once or by the byte, and without waiting for its end.
  WatchStream whole(count, event.size() - 1);
  EXPECT_EQ(whole.Feed(event + "\n").code(), absl::StatusCode::kDataLoss);
  WatchStream bytes(count, event.size() - 1);
  absl::Status status;
  size_t fed = 0;
  for (; fed < event.size() && status.ok(); ++fed) status = bytes.Feed(event.substr(fed, 1));
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(fed, event.size());
  EXPECT_EQ(events, 2);
}

TEST(WatchStreamTest, EndsWhereItIsTold) {
  int events = 0;
  WatchStream stream([&events](const WatchEvent&) {
    return ++events == 2 ? absl::OutOfRangeError("enough") : absl::OkStatus();
  });
  EXPECT_EQ(stream.Feed(test::Recorded("pods.watch.jsonl")), absl::OutOfRangeError("enough"));
  EXPECT_EQ(events, 2);
}

}  // namespace
}  // namespace podwarp
