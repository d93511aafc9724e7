// Every refusal that a real server was recorded with, and what is none of its.
#include "kubernetes/api_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_split.h"
#include "recorded.h"

namespace podwarp {
namespace {

using testing::Eq;
using testing::HasSubstr;
using testing::Optional;

struct Refusal {
  absl::StatusCode code;
  const char* message;
};

const std::map<std::string, Refusal>& Expected() {
  using Code = absl::StatusCode;
  static const auto* expected = new std::map<std::string, Refusal>{
      {"error.401.json", {Code::kUnauthenticated, "Unauthorized"}},
      {"error.401.no-token.json", {Code::kUnauthenticated, "Unauthorized"}},
      {"error.403.json", {Code::kPermissionDenied, "User \"noaccess\" cannot list resource"}},
      {"error.403.anonymous.json", {Code::kPermissionDenied, "User \"system:anonymous\""}},
      {"error.403.watch.json", {Code::kPermissionDenied, "cannot watch resource"}},
      {"error.403.reader-writes.json", {Code::kPermissionDenied, "cannot delete resource"}},
      {"error.404.pod.json", {Code::kNotFound, "pods \"no-such-pod\" not found"}},
      {"error.404.resource.json", {Code::kNotFound, "could not find the requested resource"}},
      {"error.409.json", {Code::kAborted, "the object has been modified"}},
      {"error.410.continue-expired.json", {Code::kOutOfRange, "continue parameter is too old"}},
      {"error.410.exact-compacted.json", {Code::kOutOfRange, "is too old"}},
      {"error.500.bad-rv.json", {Code::kUnavailable, "Invalid value: \"abc\""}},
      {"error.504.future-rv.json", {Code::kUnavailable, "Too large resource version"}},
  };
  return *expected;
}

TEST(ApiErrorTest, EveryRecordedRefusal) {
  size_t count = 0;
  for (const absl::string_view line : absl::StrSplit(test::Recorded("index.tsv"), '\n')) {
    const std::vector<std::string> columns = absl::StrSplit(line, '\t');
    if (columns[0].rfind("error.", 0) != 0) continue;
    SCOPED_TRACE(columns[0]);
    ASSERT_TRUE(Expected().contains(columns[0]));
    const Refusal& expected = Expected().at(columns[0]);
    const absl::Status error =
        ApiError("GET /x", std::stoi(columns[1]), test::Recorded(columns[0]), "");
    EXPECT_EQ(error.code(), expected.code);
    EXPECT_THAT(std::string(error.message()), HasSubstr("GET /x: " + columns[1] + ": "));
    EXPECT_THAT(std::string(error.message()), HasSubstr(expected.message));
    ++count;
  }
  EXPECT_EQ(count, Expected().size());
}

TEST(ApiErrorTest, BothFormsOfAnExpiredWatch) {
  for (const char* file : {"watch.410.cache.jsonl", "watch.410.etcd.jsonl"}) {
    const absl::Status error = ApiError("the watch", test::RecordedLines(file)[0]["object"]);
    EXPECT_EQ(error.code(), absl::StatusCode::kOutOfRange) << file;
    EXPECT_THAT(std::string(error.message()), HasSubstr("too old")) << file;
  }
}

TEST(ApiErrorTest, HowLongItAsksToBeLeftAlone) {
  const auto wait = [](const std::string& body, const std::string& header) {
    return RetryAfter(ApiError("GET /x", 429, body, header));
  };
  EXPECT_THAT(wait("", ""), Eq(std::nullopt));
  EXPECT_THAT(wait("", "7"), Optional(absl::Seconds(7)));
  EXPECT_THAT(wait(R"({"details":{"retryAfterSeconds":3}})", ""), Optional(absl::Seconds(3)));
  EXPECT_THAT(wait(R"({"details":{"retryAfterSeconds":3}})", "2"), Optional(absl::Seconds(3)));
  EXPECT_THAT(wait(test::Recorded("error.504.future-rv.json"), ""), Optional(absl::Seconds(1)));
  // Not for longer than it can mean.
  EXPECT_THAT(wait("", "999999999"), Optional(absl::Seconds(300)));
  for (const char* none : {"-1", "0", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "1e9"}) {
    EXPECT_THAT(wait("", none), Eq(std::nullopt)) << none;
  }
}

TEST(ApiErrorTest, BodiesThatAreNoStatus) {
  for (const char* body :
       {"", "<html>bad gateway</html>", "[]", "null", "{}", R"({"message":5})", R"({"details":[]})",
        R"({"details":{"retryAfterSeconds":"1"}})", R"({"message":)"}) {
    const absl::Status error = ApiError("GET /x", 502, body, "");
    EXPECT_EQ(error, absl::UnavailableError("GET /x: 502")) << body;
  }
  EXPECT_EQ(ApiError("the watch", nlohmann::json::array()).code(), absl::StatusCode::kUnknown);
  EXPECT_EQ(ApiError("GET /x", 302, "", "").code(), absl::StatusCode::kUnknown);
  EXPECT_EQ(ApiError("GET /x", 422, "", "").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_LT(ApiError("GET /x", 500, R"({"message":")" + std::string(1 << 20, 'x') + "\"}", "")
                .message()
                .size(),
            2000);
}

}  // namespace
}  // namespace podwarp
