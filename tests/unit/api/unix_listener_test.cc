// The socket's file: whose it is, and what stood there before.
#include "api/unix_listener.h"

#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "api_fixture.h"

namespace podwarp::test {
namespace {

using testing::HasSubstr;

class UnixListenerTest : public ApiTest {
 protected:
  absl::StatusOr<std::unique_ptr<UnixListener>> Open(const std::string& group = "") {
    return UnixListener::Open(socket_, 0640, group);
  }
  struct stat File() const {
    struct stat file = {};
    EXPECT_EQ(lstat(socket_.c_str(), &file), 0);
    return file;
  }
};

TEST_F(UnixListenerTest, HasItsRightsAndGroupWhateverTheUmask) {
  for (const mode_t mask : {0u, 077u, 0777u}) {
    const mode_t before = umask(mask);
    const auto listener = Open(getuid() == 0 ? "nogroup" : "");
    umask(before);
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_EQ(File().st_mode & 0777, 0640u);
    if (getuid() == 0) {
      EXPECT_EQ(File().st_gid, getgrnam("nogroup")->gr_gid);
    }
    EXPECT_TRUE(RawClient(socket_).is_connected());
    // Nothing else is left in the folder.
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

// Whoever looks at the path, at any moment, finds nothing or a socket with its rights.
TEST_F(UnixListenerTest, IsNeverThereWithOtherRights) {
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::thread looks([&] {
    while (!done) {
      struct stat file;
      if (stat(socket_.c_str(), &file) == 0 && (file.st_mode & 0777) != 0640) ++wrong;
    }
  });
  const mode_t before = umask(0);
  for (int i = 0; i < 200; ++i) {
    const auto listener = UnixListener::Open(socket_, 0640, "");
    EXPECT_TRUE(listener.ok()) << listener.status();
  }
  umask(before);
  done = true;
  looks.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(UnixListenerTest, DeadOnesSocketIsReplacedALiveOnesIsNot) {
  {
    auto first = Open();
    ASSERT_TRUE(first.ok()) << first.status();
    const auto second = Open();
    EXPECT_TRUE(absl::IsAlreadyExists(second.status())) << second.status();
    EXPECT_THAT(std::string(second.status().message()), HasSubstr(socket_));
    EXPECT_TRUE(RawClient(socket_).is_connected());
    std::filesystem::rename(socket_, socket_ + ".kept");
  }
  std::filesystem::rename(socket_ + ".kept", socket_);  // as a killed process leaves it
  EXPECT_FALSE(RawClient(socket_).is_connected());
  const auto again = Open();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(RawClient(socket_).is_connected());
}

TEST_F(UnixListenerTest, AnothersSocketIsNotRemoved) {
  auto first = Open();
  ASSERT_TRUE(first.ok());
  std::filesystem::remove(socket_);
  const auto second = Open();
  ASSERT_TRUE(second.ok()) << second.status();
  first->reset();
  EXPECT_TRUE(RawClient(socket_).is_connected());
}

TEST_F(UnixListenerTest, ErrorsNameThePath) {
  std::ofstream(socket_) << "x";
  EXPECT_THAT(std::string(Open().status().message()),
              testing::AllOf(HasSubstr(socket_), HasSubstr("is no socket")));
  std::filesystem::remove(socket_);
  EXPECT_TRUE(absl::IsNotFound(Open("no-such-group").status()));
  EXPECT_THAT(std::string(Open("no-such-group").status().message()),
              HasSubstr("there is no group 'no-such-group'"));
  socket_ = "/" + std::string(107, 's');
  EXPECT_THAT(std::string(Open().status().message()), HasSubstr("at most 107"));
  socket_ = "/proc/none/api.sock";
  EXPECT_THAT(std::string(Open().status().message()), HasSubstr(socket_));
}

}  // namespace
}  // namespace podwarp::test
