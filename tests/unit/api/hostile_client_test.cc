// Clients that are broken, slow or silent, or want too much: they harm nobody else, and not for
// long.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <deque>
#include <random>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api_fixture.h"
#include "support/eventually.h"

namespace podwarp::test {
namespace {

using testing::HasSubstr;
using Clock = std::chrono::steady_clock;

constexpr char kGet[] = "GET /v1/ports HTTP/1.1\r\nHost: x\r\n\r\n";

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class HostileClientTest : public ApiTest {
 protected:
  // Patience as a test has it.
  void StartHasty(absl::Duration patience = absl::Milliseconds(300)) {
    ApiServerSettings settings;
    settings.connection.patience = patience;
    settings.connection.idle = patience;
    Start(settings);
  }
  // Others are served, at once.
  void ExpectServed() {
    const auto start = Clock::now();
    EXPECT_EQ(StatusOf(Ask("GET", "/v1/ports")), 200);
    EXPECT_LT(SecondsSince(start), 2.0);
  }
};

TEST_F(HostileClientTest, AHundredSilentOnes) {
  Start();
  std::deque<RawClient> silent;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(silent.emplace_back(socket_).is_connected());
    if (i % 10 == 9) ExpectServed();
  }
  for (int i = 0; i < 100; ++i) ExpectServed();
  EXPECT_EQ(StatusOf(Ask("PUT", "/v1/routes/10.0.0.1/32", R"({"node":"b"})")), 201);
}

TEST_F(HostileClientTest, AHundredThatBegin) {
  Start();
  std::deque<RawClient> slow;
  for (int i = 0; i < 100; ++i) {
    const char* const begun[] = {
        "G", "GET /v1/ports HTTP/1.1\r\nHost:",
        "PUT /v1/routes/10.0.0.1/32 HTTP/1.1\r\nContent-Length: 20\r\n\r\n",
        "POST /v1/bulk HTTP/1.1\r\nContent-Length: 200\r\n\r\n{"};
    slow.emplace_back(socket_).Send(begun[i % 4]);
    if (i % 10 == 9) ExpectServed();
  }
  for (int i = 0; i < 100; ++i) ExpectServed();
}

// A keep-alive connection that asks now and then isn't the one that goes.
TEST_F(HostileClientTest, TheOneThatWasSilentForTheLongestGoes) {
  Start();
  RawClient good(socket_);
  std::deque<RawClient> silent;
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(good.Send(kGet));
    ASSERT_EQ(StatusOf(good.Receive()), 200) << i;
    silent.emplace_back(socket_);
    ExpectServed();  // so that the silent one, too, has been accepted
  }
}

TEST_F(HostileClientTest, SilenceEnds) {
  StartHasty();
  RawClient silent(socket_);
  EXPECT_TRUE(silent.IsClosedWithin(5000));
  RawClient kept(socket_);
  kept.Send(kGet);
  EXPECT_EQ(StatusOf(kept.Receive()), 200);
  EXPECT_TRUE(kept.IsClosedWithin(5000));
}

// Each byte comes in time, the request never.
TEST_F(HostileClientTest, OneByteNowAndThenIsNoWayToStay) {
  StartHasty();
  for (const std::string begin :
       {"GET /v1/ports HTTP/1.1\r\nX: ",
        "PUT /v1/routes/10.0.0.1/32 HTTP/1.1\r\nContent-Length: 60000\r\n\r\n",
        "POST /v1/bulk HTTP/1.1\r\nContent-Length: 60000\r\n\r\n"}) {
    RawClient slow(socket_);
    slow.Send(begin);
    const auto start = Clock::now();
    while (slow.Send("x") && SecondsSince(start) < 20) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_LT(SecondsSince(start), 10) << begin;
  }
  EXPECT_EQ(backend_.size(ObjectKind::kRoute), 0u);
}

TEST_F(HostileClientTest, AnswersThatNobodyReads) {
  StartHasty();
  for (int i = 0; i < 2000; ++i) {
    const RouteConfig route = {.prefix = Ipv4Prefix::Host(Ipv4Address(0x0a000000 + i)),
                               .node = "b"};
    const Edit edit = {.kind = ObjectKind::kRoute, .key = KeyOf(route), .object = route};
    backend_.Apply({&edit, 1});
  }
  RawClient deaf(socket_);
  const auto start = Clock::now();
  while (SecondsSince(start) < 20) {
    if (!deaf.Send("GET /v1/routes?limit=2000 HTTP/1.1\r\n\r\n")) break;
  }
  EXPECT_LT(SecondsSince(start), 10);
  ExpectServed();
}

TEST_F(HostileClientTest, NoPlaceWhileAllAreAtWork) {
  ApiServerSettings settings;
  settings.connections = 4;
  Start(settings);
  backend_.Block(true);
  std::deque<RawClient> busy;
  for (int i = 0; i < 4; ++i) {
    busy.emplace_back(socket_).Send("DELETE /v1/routes/10.0.0.1/32 HTTP/1.1\r\n\r\n");
  }
  ASSERT_TRUE(Eventually([&] { return backend_.waiting() == 4; }));
  const std::string answer = RawClient(socket_).ReceiveAll();
  EXPECT_EQ(StatusOf(answer), 503) << answer;
  EXPECT_EQ(Json::parse(BodyOf(answer))["error"]["code"], "unavailable");
  backend_.Block(false);
  for (RawClient& client : busy) EXPECT_EQ(StatusOf(client.Receive()), 404);
  ExpectServed();
}

TEST_F(HostileClientTest, TooManyRequestsASecond) {
  ApiServerSettings settings;
  settings.http.requests_per_second = 5;
  Start(settings);
  int served = 0, refused = 0;
  for (int i = 0; i < 20; ++i) {
    const std::string answer = Ask("GET", "/v1/ports");
    served += StatusOf(answer) == 200;
    refused += StatusOf(answer) == 429;
    EXPECT_EQ(absl::StrContains(answer, "Retry-After: 1\r\n"), StatusOf(answer) == 429);
  }
  EXPECT_EQ(served + refused, 20);
  EXPECT_GE(served, 5);
  EXPECT_GE(refused, 1);
}

TEST_F(HostileClientTest, RequestsInOnePieceAreAnsweredInOrder) {
  Start();
  RawClient client(socket_);
  std::string all;
  const std::string body = R"({"node":"b"})";
  for (int i = 0; i < 50; ++i) {
    absl::StrAppend(&all, "PUT /v1/routes/10.0.0.", i,
                    "/32 HTTP/1.1\r\nContent-Length: ", body.size(), "\r\n\r\n", body,
                    "GET /v1/routes/10.0.0.", i, "/32 HTTP/1.1\r\n\r\n");
  }
  ASSERT_TRUE(client.Send(all));
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(StatusOf(client.Receive()), 201) << i;
    const std::string answer = client.Receive();
    ASSERT_EQ(Json::parse(BodyOf(answer))["key"], absl::StrCat("10.0.0.", i, "/32"));
  }
}

// What follows a request that was refused is no request.
TEST_F(HostileClientTest, ARefusedBodyIsNotTakenForRequests) {
  Start();
  for (const std::string head :
       {"PUT /v1/pods HTTP/1.1", "GET /v1/ports HTTP/1.1", "POST /v1/nothing HTTP/1.1",
        "PUT /v1/routes/10.0.0.1/32 HTTP/1.1\r\nContent-Type: text/plain"}) {
    const std::string hidden = "DELETE /v1/routes/10.0.0.1/32 HTTP/1.1\r\n\r\n";
    RawClient client(socket_);
    client.Send(absl::StrCat(head, "\r\nContent-Length: ", hidden.size(), "\r\n\r\n", hidden));
    const std::string answers = client.ReceiveAll();
    EXPECT_GE(StatusOf(answers), 400) << answers;
    EXPECT_EQ(answers.find("HTTP/1.1", 1), std::string::npos) << answers;
    EXPECT_THAT(answers, HasSubstr("Connection: close\r\n"));
  }
}

TEST_F(HostileClientTest, BodiesTooLarge) {
  Start();
  const std::string path = "/v1/routes/10.0.0.1/32";
  const std::string padding(1 << 20, ' ');
  EXPECT_EQ(Expect(413, "PUT", path, padding + "x")["error"]["code"], "too_large");
  Expect(201, "PUT", path, (R"({"node":"b"})" + padding).substr(0, 1 << 20));
  for (const char* length : {"9999999999", "99999999999999999999999999", "18446744073709551615"}) {
    Expect(413, "PUT", path, "", absl::StrCat("Content-Length: ", length, "\r\n"));
    Expect(413, "POST", "/v1/bulk", "", absl::StrCat("Content-Length: ", length, "\r\n"));
  }
  for (const char* framing :
       {"Content-Length: -1\r\n", "Content-Length: 0x10\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n", "Transfer-Encoding: gzip\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"}) {
    Expect(400, "PUT", path, "", framing);
  }
  Expect(411, "PUT", path, "", "Content-Length: \r\n");
  // Without a length, and more and more of it.
  RawClient endless(socket_);
  endless.Send("PUT " + path + " HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 100'000 && endless.Send("400\r\n" + std::string(1024, ' ') + "\r\n"); ++i) {
  }
  EXPECT_EQ(StatusOf(endless.ReceiveAll()), 413);
}

TEST_F(HostileClientTest, HeadersTooLarge) {
  StartHasty(absl::Seconds(5));
  for (const std::string& endless : {"GET /" + std::string(100'000, 'a'),
                                     "GET /v1/ports HTTP/1.1\r\nX: " + std::string(100'000, 'a'),
                                     std::string(100'000, 'a'), std::string(100'000, '\0')}) {
    RawClient client(socket_);
    client.Send(endless);
    const int status = StatusOf(client.ReceiveAll());
    EXPECT_TRUE(status == 0 || (status >= 400 && status < 500)) << status;
  }
  RawClient client(socket_);
  client.Send("GET /v1/ports HTTP/1.1\r\n");
  const auto start = Clock::now();
  for (int i = 0; client.Send(absl::StrCat("X", i, ": y\r\n")) && SecondsSince(start) < 4; ++i) {
  }
  EXPECT_LT(SecondsSince(start), 3);
  ExpectServed();
  // What cpp-httplib matches with a regular expression, which recurses.
  for (const std::string& header :
       {std::string("Range: bytes="), std::string("Accept-Encoding: ")}) {
    std::string value;
    while (value.size() < 8000) value += "0-0,";
    EXPECT_NE(StatusOf(Ask("GET", "/v1/ports", "", header + value + "0-0\r\n")), 0) << header;
  }
  ExpectServed();
}

TEST_F(HostileClientTest, BrokenHttp) {
  StartHasty();
  const char* const broken[] = {
      "\r\n\r\n",
      "GET\r\n\r\n",
      "GET /v1/ports\r\n\r\n",
      "GET /v1/ports HTTP/2.0\r\n\r\n",
      "get /v1/ports HTTP/1.1\r\n\r\n",
      "GET /v1/ports HTTP/1.1\nHost: x\n\n",
      "GET  /v1/ports  HTTP/1.1\r\n\r\n",
      "GET /v1/ports?a=%zz&&&==&%00=% HTTP/1.1\r\n\r\n",
      "GET /%/%%/%u/%u12/%ffff HTTP/1.1\r\n\r\n",
      "GET /v1/ports HTTP/1.1\r\n: \r\n:\r\nx\r\n\r\n",
      "GET /v1/ports HTTP/1.1\r\nRange: bytes=-\r\n\r\n",
      "GET /v1/ports HTTP/1.1\r\nRange: bytes=99999999999999999999-1\r\n\r\n",
      "PUT /v1/nodes/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "PUT /v1/nodes/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
      "ffffffffffffffffff\r\n",
      "PUT /v1/nodes/a HTTP/1.1\r\nContent-Encoding: gzip\r\n"
      "Content-Length: 5\r\n\r\nhello",
      "PUT /v1/nodes/a HTTP/1.1\r\nContent-Encoding: br\r\n"
      "Content-Length: 5\r\n\r\nhello",
      "PUT /v1/nodes/a HTTP/1.1\r\nExpect: 100-continue\r\n\r\n",
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"};
  for (const char* text : broken) {
    RawClient client(socket_);
    client.Send(text);
    client.EndSending();
    const std::string answer = client.ReceiveAll();
    const int status = StatusOf(answer);
    EXPECT_LT(status, 500) << text << "\n" << answer;
  }
  ExpectServed();
}

// Requests with bytes gone wrong, cut off anywhere.
TEST_F(HostileClientTest, RandomlyBrokenHttp) {
  StartHasty();
  const std::string good[] = {
      "PUT /v1/routes/10.0.0.1%2F32 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
      "Content-Length: 12\r\n\r\n{\"node\":\"b\"}",
      "POST /v1/bulk HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}\n{}\r\n0\r\n\r\n",
      "GET /v1/routes?after=10.0.0.1%2F32&limit=7 HTTP/1.1\r\nAccept-Encoding: gzip\r\n"
      "Range: bytes=0-1\r\n\r\n"};
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    std::string text = good[random() % 3];
    for (unsigned n = random() % 4; n > 0; --n) {
      text[random() % text.size()] = static_cast<char>(random());
    }
    if (random() % 4 == 0) text.resize(random() % text.size());
    RawClient client(socket_);
    client.Send(text);
    client.EndSending();
    const std::string answer = client.ReceiveAll();
    ASSERT_LT(StatusOf(answer), 500) << text << "\n" << answer;
  }
  ExpectServed();
}

// Descriptors past 1,024, which select() doesn't know.
TEST_F(HostileClientTest, ManyDescriptors) {
  const rlimit wanted = {.rlim_cur = 4096, .rlim_max = 4096};
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  if (before.rlim_cur < 4096 && setrlimit(RLIMIT_NOFILE, &wanted) != 0) GTEST_SKIP();
  std::vector<int> taken;  // a node of a thousand pods has as many
  while (taken.size() < 2000) taken.push_back(dup(0));
  Start();
  for (int i = 0; i < 10; ++i) ExpectServed();
  EXPECT_EQ(StatusOf(Ask("PUT", "/v1/routes/10.0.0.1/32", R"({"node":"b"})")), 201);
  for (const int fd : taken) close(fd);
}

TEST_F(HostileClientTest, StoppingWaitsForNobody) {
  Start();
  std::deque<RawClient> silent;
  for (int i = 0; i < 10; ++i) silent.emplace_back(socket_).Send("GET /");
  ExpectServed();
  const auto start = Clock::now();
  Stop();
  EXPECT_LT(SecondsSince(start), 2);
  for (RawClient& client : silent) EXPECT_TRUE(client.IsClosedWithin(1000));
  EXPECT_FALSE(RawClient(socket_).is_connected());
}

}  // namespace
}  // namespace podwarp::test
