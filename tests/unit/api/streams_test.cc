// Streams: what goes on until its reader has had enough, or is gone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <thread>

#include "absl/strings/str_cat.h"
#include "api_fixture.h"
#include "support/eventually.h"

namespace podwarp::test {
namespace {

using testing::HasSubstr;
using Clock = std::chrono::steady_clock;

constexpr char kGet[] = "GET /v1/trace HTTP/1.1\r\nHost: x\r\n\r\n";

class StreamsTest : public ApiTest {
 protected:
  StreamsTest() { backend_.KeepStreams(true); }
  ~StreamsTest() override { backend_.KeepStreams(false); }

  // With patience as a test has it.
  void StartHasty() {
    ApiServerSettings settings;
    settings.connection.patience = absl::Milliseconds(300);
    settings.connection.idle = absl::Milliseconds(300);
    Start(settings);
  }
  bool AreOpen(int count) {
    return Eventually([&] { return backend_.streams() == count; });
  }
};

TEST_F(StreamsTest, WhatComesIsSentInPartsAtOnce) {
  Start();
  RawClient client(socket_);
  client.Send("GET /v1/capture HTTP/1.1\r\nConnection: close\r\n\r\n");
  const std::string head = client.Receive();  // there is nothing else yet
  EXPECT_EQ(StatusOf(head), 200) << head;
  EXPECT_THAT(head, HasSubstr("Content-Type: application/capture\r\n"));
  EXPECT_THAT(head, HasSubstr("Transfer-Encoding: chunked\r\n"));
  backend_.Tell("one\n");
  backend_.Tell(std::string("\0two", 4));
  backend_.KeepStreams(false);
  EXPECT_EQ(BodyOf(head + client.ReceiveAll()),
            absl::StrCat("4\r\none\n\r\n4\r\n", std::string("\0two", 4), "\r\n0\r\n\r\n"));
}

TEST_F(StreamsTest, RequestsFollowAStreamThatEnded) {
  Start();
  RawClient client(socket_);
  client.Send(kGet);
  EXPECT_EQ(StatusOf(client.Receive()), 200);
  backend_.KeepStreams(false);
  client.Send("GET /v1/ports HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.ReceiveAll(), testing::StartsWith("0\r\n\r\nHTTP/1.1 200 OK\r\n"));
}

TEST_F(StreamsTest, SilenceIsNoReasonToEnd) {
  StartHasty();
  RawClient client(socket_);
  client.Send(kGet);
  EXPECT_EQ(StatusOf(client.Receive()), 200);
  EXPECT_FALSE(client.IsClosedWithin(1'500));
  backend_.Tell("late");
  backend_.KeepStreams(false);
  EXPECT_THAT(client.ReceiveAll(), HasSubstr("late"));
}

TEST_F(StreamsTest, NothingIsLostOnASlowReader) {
  Start();
  RawClient client(socket_);
  client.Send("GET /v1/trace HTTP/1.1\r\nConnection: close\r\n\r\n");
  constexpr size_t kParts = 20, kBytes = 400'000;  // a part is more than a socket holds
  for (size_t i = 0; i < kParts; ++i) backend_.Tell(std::string(kBytes, 'x'));
  backend_.KeepStreams(false);
  for (int i = 0; i < 50; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ASSERT_TRUE(client.Fill());
  }
  const std::string body = BodyOf(client.ReceiveAll());
  EXPECT_TRUE(body.ends_with("\r\n0\r\n\r\n"));
  EXPECT_EQ(static_cast<size_t>(std::count(body.begin(), body.end(), 'x')), kParts * kBytes);
}

TEST_F(StreamsTest, AReaderThatDoesNotReadIsEnded) {
  StartHasty();
  RawClient deaf(socket_);
  deaf.Send(kGet);
  ASSERT_TRUE(AreOpen(1));
  for (int i = 0; i < 10; ++i) backend_.Tell(std::string(1 << 20, 'x'));
  EXPECT_TRUE(AreOpen(0));
}

TEST_F(StreamsTest, TheReadersGoingIsNoticedWithoutAWord) {
  Start();
  std::deque<RawClient> clients;
  for (int i = 0; i < 3; ++i) clients.emplace_back(socket_).Send(kGet);
  ASSERT_TRUE(AreOpen(3));
  clients.pop_front();
  EXPECT_TRUE(AreOpen(2));
  clients.clear();
  EXPECT_TRUE(AreOpen(0));
}

TEST_F(StreamsTest, ABudgetOfTheirOwn) {
  ApiServerSettings settings;
  settings.http.streams = 2;
  Start(settings);
  std::deque<RawClient> clients;
  for (int i = 0; i < 2; ++i) clients.emplace_back(socket_).Send(kGet);
  ASSERT_TRUE(AreOpen(2));
  const std::string answer = Ask("GET", "/v1/capture");
  EXPECT_EQ(StatusOf(answer), 429);
  EXPECT_EQ(
      Json::parse(BodyOf(answer))["error"].dump(),
      R"({"code":"too_many_requests","message":"2 streams (traces, captures) are open already"})");
  Expect(200, "GET", "/v1/ports");
  clients.pop_front();
  EXPECT_TRUE(AreOpen(1));
  // The place is free a moment after the stream is gone.
  EXPECT_TRUE(Eventually([&] {
    RawClient again(socket_);
    again.Send(kGet);
    return StatusOf(again.Receive()) == 200;
  }));
}

// Others want a place, and a silent stream isn't one who keeps us waiting.
TEST_F(StreamsTest, AStreamKeepsItsPlace) {
  ApiServerSettings settings;
  settings.connections = 4;
  Start(settings);
  RawClient client(socket_);
  client.Send(kGet);
  ASSERT_EQ(StatusOf(client.Receive()), 200);
  std::deque<RawClient> silent;
  for (int i = 0; i < 20; ++i) {
    silent.emplace_back(socket_);
    Expect(200, "GET", "/v1/ports");
  }
  EXPECT_EQ(backend_.streams(), 1);
  backend_.Tell("still here");
  EXPECT_TRUE(client.Fill());
}

TEST_F(StreamsTest, WhatIsWrongIsSaidInPlaceOfIt) {
  Start();
  backend_.SetError("trace", absl::NotFoundError("there is no pod default/x"));
  EXPECT_EQ(Expect(404, "GET", "/v1/trace?pod=default/x").dump(),
            R"({"error":{"code":"not_found","message":"there is no pod default/x"}})");
  backend_.SetError("trace", absl::ResourceExhaustedError("4 traces are open already"));
  Expect(507, "GET", "/v1/trace");
  EXPECT_EQ(StatusOf(Ask("HEAD", "/v1/capture")), 405);
  Expect(405, "POST", "/v1/capture");
  Expect(400, "GET", "/v1/capture", "body");
  EXPECT_EQ(backend_.streams(), 0);
}

TEST_F(StreamsTest, StoppingEndsThem) {
  Start();
  std::deque<RawClient> clients;
  for (int i = 0; i < 8; ++i) clients.emplace_back(socket_).Send(kGet);
  ASSERT_TRUE(AreOpen(8));
  const auto start = Clock::now();
  Stop();
  EXPECT_LT(std::chrono::duration<double>(Clock::now() - start).count(), 2);
  EXPECT_EQ(backend_.streams(), 0);
}

}  // namespace
}  // namespace podwarp::test
