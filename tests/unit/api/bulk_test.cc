// Many changes in one body.
#include "api/bulk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "api_fixture.h"
#include "support/eventually.h"

namespace podwarp::test {
namespace {

using testing::HasSubstr;

constexpr auto kRoute = ObjectKind::kRoute;

std::string PutRoute(uint32_t number) {
  return absl::StrCat(R"({"op":"put","kind":"route","object":{"prefix":")",
                      Ipv4Address(0x0a000000 + number).ToString(), R"(/32","node":"node-b"}})",
                      "\n");
}

std::string DeleteRoute(uint32_t number) {
  return absl::StrCat(R"({"op":"delete","kind":"route","key":")",
                      Ipv4Address(0x0a000000 + number).ToString(), "/32\"}\n");
}

std::string FaultOf(const std::string& line) {
  const absl::StatusOr<Edit> edit = ParseEdit(line, {});
  EXPECT_TRUE(absl::IsInvalidArgument(edit.status())) << line << ": " << edit.status();
  return std::string(edit.status().message());
}

TEST(ParseEdit, SaysWhatIsWrong) {
  EXPECT_THAT(FaultOf("{"), HasSubstr("is not JSON"));
  EXPECT_THAT(FaultOf("[]"), HasSubstr("expected {"));
  EXPECT_EQ(FaultOf("{}"), "op: is missing");
  EXPECT_EQ(FaultOf(R"({"op":1})"), "op: expected a text");
  EXPECT_EQ(FaultOf(R"({"op":"set"})"), "op: 'set' is neither put nor delete");
  EXPECT_EQ(FaultOf(R"({"op":"put"})"), "kind: is missing");
  EXPECT_EQ(FaultOf(R"({"op":"put","kind":"widget"})"),
            "kind: 'widget' is not a kind (expected pod, node, route or service)");
  EXPECT_EQ(FaultOf(R"({"op":"put","kind":"route"})"), "object: is missing");
  EXPECT_THAT(FaultOf(R"({"op":"put","kind":"route","object":null})"),
              HasSubstr("expected a JSON object"));
  EXPECT_EQ(FaultOf(R"({"op":"put","kind":"route","object":{"prefix":"10.0.0.0/8"}})"),
            "node: is missing");
  EXPECT_EQ(FaultOf(R"({"op":"put","kind":"route","objct":{}})"),
            "objct: unknown key (did you mean 'object'?)");
  EXPECT_EQ(FaultOf(R"({"op":"delete","kind":"pod"})"), "key: is missing");
  EXPECT_THAT(FaultOf(R"({"op":"delete","kind":"pod","key":"web-1"})"),
              HasSubstr("key: 'web-1' is not a pod"));
  EXPECT_EQ(FaultOf(R"({"op":"delete","op":"put"})"), "op: is given again; keep one");
}

// However the body is cut, the changes are the same.
TEST(BulkChange, PartsMayEndAnywhere) {
  const std::string body = PutRoute(1) + "\r\n  \n" + PutRoute(2) + DeleteRoute(1) + "nonsense\n" +
                           PutRoute(3).substr(0, PutRoute(3).size() - 1);
  for (size_t size = 1; size <= body.size(); ++size) {
    FakeBackend backend;
    BulkChange change(&backend);
    for (size_t at = 0; at < body.size(); at += size) change.Feed(body.substr(at, size));
    const ApiAnswer answer = change.Finish();
    ASSERT_EQ(answer.status, 200);
    ASSERT_EQ(answer.body["applied"], 4) << size << ": " << answer.body;
    ASSERT_EQ(answer.body["failed"], 1);
    ASSERT_EQ(answer.body["errors"][0]["line"], 6);
    ASSERT_EQ(backend.size(kRoute), 2u);
  }
}

TEST(BulkChange, ErrorsAreInTheOrderOfLinesAndNameTheObject) {
  FakeBackend backend;
  backend.SetError("10.0.0.2/32", absl::FailedPreconditionError("the file has it"));
  BulkChange change(&backend);
  change.Feed(PutRoute(1) + PutRoute(2) + "x\n" + DeleteRoute(9));
  const Json body = change.Finish().body;
  EXPECT_EQ(body["applied"], 1);
  EXPECT_EQ(body["failed"], 3);
  EXPECT_EQ(body["errors"][0].dump(),
            R"({"line":2,"code":"failed_precondition","object":"route 10.0.0.2/32",)"
            R"("message":"the file has it"})");
  EXPECT_EQ(body["errors"][1]["line"], 3);
  EXPECT_EQ(body["errors"][2]["code"], "not_found");
}

TEST(BulkChange, LongLinesAndManyErrorsAreBounded) {
  FakeBackend backend;
  BulkChange change(&backend);
  change.Feed(PutRoute(1));
  for (int i = 0; i < 110; ++i) change.Feed(std::string(10'000, ' '));
  change.Feed("\n");
  for (int i = 0; i < 500; ++i) change.Feed("{}\n");
  change.Feed(PutRoute(2));
  const Json body = change.Finish().body;
  EXPECT_EQ(body["applied"], 2);
  EXPECT_EQ(body["failed"], 501);
  EXPECT_EQ(body["errors"].size(), 100u);
  EXPECT_EQ(body["errors"][0]["message"], "the line has more than 1048576 bytes");
}

class BulkTest : public ApiTest {
 protected:
  static constexpr char kHead[] =
      "POST /v1/bulk HTTP/1.1\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: "
      "chunked\r\n\r\n";

  static std::string Chunk(const std::string& data) {
    char size[32];
    snprintf(size, sizeof(size), "%zx\r\n", data.size());
    return size + data + "\r\n";
  }

  // Lines that are applied without waiting for more: routes from number `first` on.
  static std::string Batch(uint32_t first) {
    std::string lines;
    for (uint32_t i = 0; i < BulkChange::kBatch; ++i) lines += PutRoute(first + i);
    return lines;
  }
};

TEST_F(BulkTest, ManyLinesGoInBatches) {
  Start();
  std::string body;
  for (uint32_t i = 0; i < 100'000; ++i) body += PutRoute(i);
  const Json answer =
      Expect(200, "POST", "/v1/bulk", body, "Content-Type: application/x-ndjson\r\n");
  EXPECT_EQ(answer.dump(), R"({"applied":100000,"failed":0,"errors":[]})");
  EXPECT_EQ(backend_.size(kRoute), 100'000u);
  EXPECT_EQ(backend_.largest_batch(), BulkChange::kBatch);
  Expect(415, "POST", "/v1/bulk", PutRoute(1), "Content-Type: application/json\r\n");
}

TEST_F(BulkTest, LinesAreAppliedWhileTheBodyComes) {
  Start();
  RawClient client(socket_);
  client.Send(kHead + Chunk(Batch(0)));
  EXPECT_TRUE(Eventually([&] { return backend_.size(kRoute) == BulkChange::kBatch; }));
  client.Send(Chunk(DeleteRoute(0)) + "0\r\n\r\n");
  EXPECT_EQ(Json::parse(BodyOf(client.Receive()))["applied"], BulkChange::kBatch + 1);
}

TEST_F(BulkTest, WhatWasBegunOfALineIsNotApplied) {
  Start();
  {
    RawClient client(socket_);
    client.Send(kHead + Chunk(PutRoute(1) + PutRoute(2).substr(0, PutRoute(2).size() - 1)));
    client.EndSending();
    const std::string answer = client.ReceiveAll();
    EXPECT_EQ(StatusOf(answer), 400) << answer;
    EXPECT_THAT(answer, HasSubstr("of the 1 lines before, 1 were applied and 0 failed"));
  }
  EXPECT_EQ(backend_.size(kRoute), 1u);
}

TEST_F(BulkTest, TooLongBodies) {
  ApiServerSettings settings;
  settings.http.bulk_bytes = 100'000;
  Start(settings);
  Expect(413, "POST", "/v1/bulk", std::string(100'001, '\n'));
  Expect(200, "POST", "/v1/bulk", std::string(100'000, '\n'));
  // Without a length it shows on the way; what came before is applied.
  RawClient client(socket_);
  client.Send(kHead + Chunk(PutRoute(1)));
  for (int i = 0; i < 20 && client.Send(Chunk(std::string(10'000, '\n'))); ++i) {
  }
  const std::string answer = client.ReceiveAll();
  EXPECT_EQ(StatusOf(answer), 413) << answer;
  EXPECT_EQ(backend_.size(kRoute), 1u);
}

TEST_F(BulkTest, OnlySoManyAtATime) {
  ApiServerSettings settings;
  settings.http.bulks = 2;
  Start(settings);
  RawClient first(socket_), second(socket_);
  for (RawClient* client : {&first, &second}) {
    ASSERT_TRUE(
        client->Send(kHead + Chunk(Batch(client == &first ? 0 : uint32_t{BulkChange::kBatch}))));
  }
  // Both have begun.
  ASSERT_TRUE(Eventually([&] { return backend_.size(kRoute) == 2 * BulkChange::kBatch; }));
  Expect(429, "POST", "/v1/bulk", PutRoute(1));
  first.Send("0\r\n\r\n");
  EXPECT_EQ(StatusOf(first.Receive()), 200);
  EXPECT_TRUE(Eventually([&] { return StatusOf(Ask("POST", "/v1/bulk", PutRoute(1))) == 200; }));
}

}  // namespace
}  // namespace podwarp::test
