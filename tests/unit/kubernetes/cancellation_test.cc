// Whatever a request waits for, another thread ends it.
#include "kubernetes/cancellation.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "kubernetes/api_client.h"
#include "support/eventually.h"
#include "support/kube_server.h"

namespace podwarp::test {
namespace {

// Much longer than the test's limit: only Cancel() ends these.
constexpr absl::Duration kForever = absl::Hours(1);

std::unique_ptr<ApiClient> Client(const ClusterAccess& access) {
  return *ApiClient::Open(access, {.connect = kForever, .read = kForever});
}

// Runs request(), which should wait, cancels once `is_waiting()`, and gives what it returned.
template <typename IsWaiting, typename Request>
absl::Status Cancelled(Cancellation* cancellation, const IsWaiting& is_waiting,
                       const Request& request) {
  absl::Status result;
  std::thread thread([&] { result = request(); });
  EXPECT_TRUE(Eventually(is_waiting));
  cancellation->Cancel();
  thread.join();
  return result;
}

TEST(CancellationTest, Sleep) {
  Cancellation cancellation;
  EXPECT_TRUE(cancellation.Sleep(absl::Milliseconds(1)));
  EXPECT_TRUE(cancellation.Sleep(absl::ZeroDuration()));
  std::thread thread([&] { EXPECT_FALSE(cancellation.Sleep(kForever)); });
  cancellation.Cancel();
  thread.join();
  EXPECT_FALSE(cancellation.Sleep(kForever));
  EXPECT_TRUE(cancellation.is_cancelled());
}

TEST(CancellationTest, BeforeTheRequest) {
  KubeServer server;
  Cancellation cancellation;
  cancellation.Cancel();
  EXPECT_TRUE(
      absl::IsCancelled(Client(server.access())->Get("/api/v1/nodes", {}, &cancellation).status()));
  EXPECT_TRUE(server.requests().empty());
}

// It most likely waits by then; if not, it is cancelled a little earlier.
bool AfterAMoment() {
  usleep(20'000);
  return true;
}

TEST(CancellationTest, WhileItWaitsForAnAnswer) {
  KubeServer server;
  server.Hang();
  Cancellation cancellation;
  const auto client = Client(server.access());
  EXPECT_TRUE(absl::IsCancelled(Cancelled(&cancellation, AfterAMoment, [&] {
    return client->Get("/api/v1/nodes", {}, &cancellation).status();
  })));
}

TEST(CancellationTest, WhileItWatches) {
  KubeServer server;
  Cancellation cancellation;
  const auto client = Client(server.access());
  const auto watch = [&] {
    return client->Watch(
        "/api/v1/nodes", {{"watch", "true"}}, kForever, nullptr,
        [](std::string_view) { return absl::OkStatus(); }, &cancellation);
  };
  EXPECT_TRUE(absl::IsCancelled(Cancelled(
      &cancellation, [&] { return server.open_watches() == 1; }, watch)));
}

// While many requests start and end, in the midst of one of them.
TEST(CancellationTest, UnderLoad) {
  KubeServer server;
  const auto client = Client(server.access());
  for (int round = 0; round < 10; ++round) {
    Cancellation cancellation;
    std::vector<std::thread> threads;
    std::atomic<int> answers = 0;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        absl::Status status;
        while (status.ok()) {
          status = client->Get("/api/v1/nodes", {}, &cancellation).status();
          ++answers;
        }
        EXPECT_TRUE(absl::IsCancelled(status)) << status;
      });
    }
    EXPECT_TRUE(Eventually([&] { return answers > round; }));
    cancellation.Cancel();
    for (std::thread& thread : threads) thread.join();
  }
}

// A socket that accepts nobody, and has no room for more who wait: connecting to it takes for ever.
class FullListener {
 public:
  FullListener() : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
    listen(listener_, 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    for (int i = 0; i < 8; ++i) {
      const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      connect(fd, reinterpret_cast<sockaddr*>(&address), size);
      waiting_.push_back(fd);
    }
  }
  ~FullListener() {
    for (const int fd : waiting_) close(fd);
    close(listener_);
  }
  int port() const { return port_; }

 private:
  const int listener_;
  int port_ = 0;
  std::vector<int> waiting_;
};

TEST(CancellationTest, WhileItConnects) {
  const FullListener nobody;
  Cancellation cancellation;
  const auto client = Client({.server = "http://127.0.0.1:" + std::to_string(nobody.port())});
  EXPECT_TRUE(absl::IsCancelled(Cancelled(
      &cancellation, AfterAMoment, [&] { return client->Get("/x", {}, &cancellation).status(); })));
}

TEST(CancellationTest, WhileItShakesHands) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  bind(listener, reinterpret_cast<sockaddr*>(&address), size);
  listen(listener, 8);
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  Cancellation cancellation;
  const auto client = Client(
      {.server = "https://127.0.0.1:" + std::to_string(ntohs(address.sin_port)), .insecure = true});
  EXPECT_TRUE(absl::IsCancelled(Cancelled(
      &cancellation, AfterAMoment, [&] { return client->Get("/x", {}, &cancellation).status(); })));
  close(listener);
}

}  // namespace
}  // namespace podwarp::test
