// How a vhost-user port and its peers come and go, and what is said about it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "port/vhost_limits.h"
#include "support/packet.h"
#include "unit/port/vhost_fixture.h"

namespace podwarp::test {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

std::vector<GuestFrame> OneFrame() { return {{Bytes(60, 0x55)}}; }

void MakeDeadSocket(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  close(fd);
}

class VhostLifeTest : public VhostFixture {
 protected:
  std::unique_ptr<VhostPort> OpenServer() {
    path_ = SocketPath();
    return OpenPort({.path = path_, .is_server = true});
  }
  std::unique_ptr<VhostPort> OpenClient() {
    path_ = SocketPath();
    return OpenPort({.path = path_, .is_server = false});
  }
  static void ExpectForwards(VhostPort& port, VirtioPeer& peer) {
    ASSERT_EQ(peer.Send(0, OneFrame()), 1u);
    // librte_vhost answers a message before it unlocks the rings, and nobody waits for that.
    EXPECT_TRUE(Eventually([&] { return Receive(port).size() == 1; }));
    std::vector<MbufPtr> out;
    out.emplace_back(ToMbuf(Packet(Bytes(60, 0x66))));
    EXPECT_TRUE(Eventually([&] {
      if (!out.empty()) Transmit(port, out);
      return peer.Receive(0).size() == 1;
    })) << out.size()
        << " frames left; " << port.State().peer << port.State().why_down;
  }

  std::string path_;
};

// --- Why it is down ---

TEST_F(VhostLifeTest, SaysThatNobodyHasConnected) {
  const auto port = OpenServer();
  EXPECT_TRUE(IsSoonDownBecause(*port, "nobody is connected to " + path_));
  EXPECT_EQ(port->Driver(), "vhost-user server");
}

TEST_F(VhostLifeTest, SaysThatThereIsNoSocket) {
  const auto port = OpenClient();
  EXPECT_TRUE(IsSoonDownBecause(*port, "there is no socket " + path_));
  EXPECT_EQ(port->Driver(), "vhost-user client");
}

TEST_F(VhostLifeTest, SaysThatNobodyListens) {
  const auto port = OpenClient();
  MakeDeadSocket(path_);
  EXPECT_TRUE(IsSoonDownBecause(*port, "nobody listens on " + path_));
  unlink(path_.c_str());
  EXPECT_TRUE(IsSoonDownBecause(*port, "there is no socket " + path_));
}

TEST_F(VhostLifeTest, SaysThatAnotherListens) {
  auto peer = MakePeer();
  path_ = SocketPath();
  ASSERT_TRUE(peer->Listen(path_).ok());
  const auto port = OpenPort({.path = path_, .is_server = true});
  EXPECT_TRUE(IsSoonDownBecause(*port, "another process listens on " + path_));
  // Its socket is still there, and is taken over once it is gone.
  EXPECT_EQ(access(path_.c_str(), F_OK), 0);
  peer.reset();
  EXPECT_TRUE(IsSoonDownBecause(*port, "nobody is connected"));
}

TEST_F(VhostLifeTest, KeepsAFileThatIsNoSocket) {
  path_ = SocketPath();
  std::ofstream(path_) << "precious";
  const auto server = OpenPort({.path = path_, .is_server = true});
  EXPECT_TRUE(IsSoonDownBecause(*server, path_ + " exists and is no socket"));
  const auto client = OpenPort({.path = path_, .is_server = false});
  EXPECT_TRUE(IsSoonDownBecause(*client, path_ + " is no socket"));
  std::string text;
  std::ifstream(path_) >> text;
  EXPECT_EQ(text, "precious");
  unlink(path_.c_str());
}

TEST_F(VhostLifeTest, SaysHowFarThePeerHasCome) {
  const auto port = OpenServer();
  auto stream = UnixStream::Connect(path_, absl::Seconds(10));
  ASSERT_TRUE(stream.ok()) << stream.status().message();
  VhostUserClient client(*std::move(stream), absl::Seconds(10));
  EXPECT_TRUE(IsSoonDownBecause(*port, "has not agreed on features yet"));
  const auto features = client.Ask<uint64_t>(VhostUserRequest::kGetFeatures);
  ASSERT_TRUE(features.ok());
  ASSERT_TRUE(client.Tell(VhostUserRequest::kSetFeatures, *features & kPlainFeatures).ok());
  EXPECT_TRUE(IsSoonDownBecause(*port, "has not shared its memory yet"));
  // A descriptor that can't be mapped.
  VhostUserMemory memory = {.regions = 1, .region = {{0, 1 << 20, 0, 0}}};
  ASSERT_TRUE(
      client.Tell(VhostUserRequest::kSetMemTable, memory, {open("/dev/null", O_RDWR)}).ok());
  EXPECT_TRUE(IsSoonDownBecause(*port, "the guest's memory can't be mapped"));
}

TEST_F(VhostLifeTest, SaysThatFeaturesWereNotAgreed) {
  const auto port = OpenServer();
  auto stream = UnixStream::Connect(path_, absl::Seconds(10));
  ASSERT_TRUE(stream.ok()) << stream.status().message();
  VhostUserClient client(*std::move(stream), absl::Seconds(10));
  ASSERT_TRUE(client.Tell(VhostUserRequest::kSetFeatures, uint64_t{1} << 60).ok());
  EXPECT_TRUE(IsSoonDownBecause(*port, "wants features that were not offered"));
}

TEST_F(VhostLifeTest, RefusesRingsThatTakeTooMuchMemory) {
  const auto port = OpenServer();
  for (const VhostUserVringState size : {VhostUserVringState{.index = 0, .num = 8192},
                                         VhostUserVringState{.index = 32, .num = 256}}) {
    auto stream = UnixStream::Connect(path_, absl::Seconds(10));
    ASSERT_TRUE(stream.ok()) << stream.status().message();
    VhostUserClient client(*std::move(stream), absl::Seconds(10));
    ASSERT_TRUE(client.Tell(VhostUserRequest::kSetVringNum, size).ok());
    EXPECT_TRUE(client.WaitForHangUp(absl::Seconds(10)));
    EXPECT_TRUE(IsSoonDownBecause(*port, "rings are too short, too long or too many"));
  }
}

TEST_F(VhostLifeTest, DescribesThePeer) {
  const auto port = OpenServer();
  const auto peer = MakePeer();
  Join(*port, *peer, path_, true);
  EXPECT_THAT(port->State().peer, HasSubstr("split rings, 1 of 1 queue pairs, mergeable buffers, "
                                            "checksum offload, TSO"));
  EXPECT_GT(changes_.load(), 0);
}

TEST_F(VhostLifeTest, RefusesMoreThanThereArePlacesFor) {
  std::vector<std::unique_ptr<VhostPort>> ports;
  for (unsigned i = 0; i < kVhostPlaces / 2; ++i) {
    ports.push_back(OpenPort({.path = absl::StrCat("/nowhere/", i), .is_server = true}));
  }
  auto one_more =
      VhostPort::Open({.name = "default/last"},
                      {.socket = {.path = "/nowhere/last"}, .pool = TestPool()}, &backend_);
  EXPECT_EQ(one_more.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(one_more.status().message()), HasSubstr("/nowhere/last"));
  ports.pop_back();
  EXPECT_NE(OpenPort({.path = "/nowhere/last", .is_server = false}), nullptr);
}

// --- The socket's file ---

TEST_F(VhostLifeTest, ReplacesAFileThatAKilledProcessLeft) {
  path_ = SocketPath();
  MakeDeadSocket(path_);
  const auto port = OpenPort({.path = path_, .is_server = true});
  const auto peer = MakePeer();
  Join(*port, *peer, path_, true);
  ExpectForwards(*port, *peer);
}

TEST_F(VhostLifeTest, MakesTheFolderAndSetsRights) {
  const std::string folder = SocketPath();
  path_ = folder + "/a/vhost.sock";
  const auto port = OpenPort({.path = path_, .is_server = true, .mode = 0600});
  EXPECT_TRUE(IsSoonDownBecause(*port, "nobody is connected"));
  struct stat file;
  ASSERT_TRUE(
      Eventually([&] { return stat(path_.c_str(), &file) == 0 && (file.st_mode & 0777) == 0600; }));
  std::filesystem::remove_all(folder);
}

TEST_F(VhostLifeTest, SaysThatThereIsNoSuchGroup) {
  path_ = SocketPath();
  const auto port = OpenPort({.path = path_, .is_server = true, .group = "no-such-group"});
  EXPECT_TRUE(IsSoonDownBecause(*port, "there is no group 'no-such-group'"));
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
}

TEST_F(VhostLifeTest, RemovesItsSocketInTheEnd) {
  {
    const auto port = OpenServer();
    EXPECT_TRUE(Eventually([&] { return access(path_.c_str(), F_OK) == 0; }));
  }
  EXPECT_TRUE(Eventually([&] { return access(path_.c_str(), F_OK) != 0; }));
}

TEST_F(VhostLifeTest, MakesASocketAgainThatSomebodyRemoved) {
  const auto port = OpenServer();
  ASSERT_TRUE(Eventually([&] { return access(path_.c_str(), F_OK) == 0; }));
  unlink(path_.c_str());
  EXPECT_TRUE(Eventually([&] { return access(path_.c_str(), F_OK) == 0; }));
  const auto peer = MakePeer();
  Join(*port, *peer, path_, true);
}

TEST_F(VhostLifeTest, OpensAgainRightAfterItWasClosed) {
  for (int i = 0; i < 5; ++i) {
    auto port = i == 0 ? OpenServer() : OpenPort({.path = path_, .is_server = true});
    const auto peer = MakePeer();
    Join(*port, *peer, path_, true);
    ExpectForwards(*port, *peer);
  }
}

// --- Peers come and go ---

TEST_F(VhostLifeTest, ServesOnePeerAfterTheOther) {
  for (const bool is_server : {true, false}) {
    const auto port = is_server ? OpenServer() : OpenClient();
    for (int i = 0; i < 5; ++i) {
      const auto peer = MakePeer();
      Join(*port, *peer, path_, is_server);
      ExpectForwards(*port, *peer);
      peer->Disconnect();
      EXPECT_TRUE(Eventually([&] { return !port->State().up; }));
      EXPECT_THAT(Receive(*port), SizeIs(0));
    }
  }
}

TEST_F(VhostLifeTest, ComesBackToAPeerThatKeptItsRings) {
  for (const bool is_server : {true, false}) {
    const auto peer = MakePeer();
    auto port = is_server ? OpenServer() : OpenClient();
    for (int i = 0; i < 3; ++i) {
      Join(*port, *peer, path_, is_server,
           i == 0 ? VirtioPeer::Rings::kReset : VirtioPeer::Rings::kKeep);
      ExpectForwards(*port, *peer);
      port.reset();
      peer->Disconnect();
      port = OpenPort({.path = path_, .is_server = is_server});
    }
  }
}

TEST_F(VhostLifeTest, TheNewestPeerCounts) {
  const auto port = OpenServer();
  const auto first = MakePeer();
  Join(*port, *first, path_, true);
  // As after a kill whose end nobody has noticed yet.
  const auto second = MakePeer();
  ASSERT_TRUE(second->Connect(path_).ok());
  ASSERT_TRUE(IsSoonUp(*port));
  ExpectForwards(*port, *second);
  // A third would be somebody who takes up places.
  auto third = MakePeer({.timeout = absl::Seconds(2)});
  EXPECT_FALSE(third->Connect(path_).ok());
  ExpectForwards(*port, *second);
  first->Disconnect();
  EXPECT_TRUE(Eventually([&] { return MakePeer()->Connect(path_).ok(); }));
}

TEST_F(VhostLifeTest, TakesTheDeviceFromWorkersBeforeItGoes) {
  // The worker is online all the time, so that a stop has to wait for it.
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> received{0};
  const auto port = OpenServer();
  std::thread worker([&] {
    rcu_.Register(0);
    rcu_.Online(0);
    while (!stop) {
      received += Receive(*port).size();
      std::vector<MbufPtr> out;
      out.emplace_back(ToMbuf(Packet(Bytes(60, 0x66))));
      Transmit(*port, out);
      rcu_.Quiescent(0);
    }
    rcu_.Offline(0);
    rcu_.Unregister(0);
  });
  for (int i = 0; i < 30; ++i) {
    const auto peer = MakePeer();
    Join(*port, *peer, path_, true);
    const uint64_t before = received;
    ASSERT_EQ(peer->Send(0, OneFrame()), 1u);
    EXPECT_TRUE(Eventually([&] { return received > before; }));
    if (i % 2 == 0) {
      EXPECT_TRUE(peer->Stop().ok());
    }
  }
  stop = true;
  worker.join();
}

// --- Peers that misbehave ---

TEST_F(VhostLifeTest, HalfAMessageHoldsUpNobodyElse) {
  const auto victim = OpenServer();
  auto stream = UnixStream::Connect(path_, absl::Seconds(10));
  ASSERT_TRUE(stream.ok());
  VhostUserClient client(*std::move(stream), absl::Seconds(10));
  const VhostUserHeader header = {2, kVhostUserVersion, 8};  // and no payload
  const auto* bytes = reinterpret_cast<const uint8_t*>(&header);
  ASSERT_TRUE(client.SendRaw({bytes, sizeof(header)}).ok());
  const auto port = OpenServer();
  const auto peer = MakePeer({.timeout = absl::Seconds(5)});
  Join(*port, *peer, path_, true);
  ExpectForwards(*port, *peer);
  EXPECT_TRUE(client.WaitForHangUp(absl::Seconds(10)));
}

TEST_F(VhostLifeTest, SurvivesThatAGuestTakesItsMemoryAway) {
  const auto port = OpenServer();
  const auto peer = MakePeer();
  Join(*port, *peer, path_, true);
  ExpectForwards(*port, *peer);
  ASSERT_TRUE(peer->memory().Truncate(0).ok());
  Receive(*port);
  std::vector<MbufPtr> out;
  out.emplace_back(ToMbuf(Packet(Bytes(60, 0x66))));
  Transmit(*port, out);
  const PortState state = port->State();
  EXPECT_TRUE(state.is_gone);
  EXPECT_THAT(state.why_down, HasSubstr("took away memory that it had shared"));
}

TEST_F(VhostLifeTest, NeverWritesToACallDescriptorThatIsNoEventCounter) {
  const auto port = OpenServer();
  const auto peer = MakePeer();
  Join(*port, *peer, path_, true);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  for (const uint64_t ring : {0, 1}) {
    peer->vring(static_cast<uint16_t>(ring)).queue->CallAlways();
    EXPECT_FALSE(peer->client().Tell(VhostUserRequest::kSetVringCall, ring, {ends[1]}).ok());
  }
  ExpectForwards(*port, *peer);
  pollfd written{.fd = ends[0], .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&written, 1, 0), 0);
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace podwarp::test
