#include "port/tap_buffers.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "support/eal.h"
#include "support/mbuf.h"

namespace podwarp::test {
namespace {

// A pair of datagram sockets in the place of a tap: one message a read, too.
class TapBuffersTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds_), 0); }
  void TearDown() override {
    close(fds_[0]);
    close(fds_[1]);
  }

  void Send(size_t frame_bytes) {
    std::vector<uint8_t> message(sizeof(VnetHeader) + frame_bytes);
    for (size_t i = 0; i < message.size(); ++i) message[i] = static_cast<uint8_t>(i * 7 + i / 256);
    sent_.assign(message.begin() + sizeof(VnetHeader), message.end());
    ASSERT_EQ(write(fds_[1], message.data(), message.size()), ssize_t(message.size()));
  }

  int fds_[2];
  Bytes sent_;
};

TEST_F(TapBuffersTest, AFrameIsAChainOfAsManyMbufsAsItNeeds) {
  const unsigned before = BuffersInUse();
  {
    TapBuffers buffers(TestPool());
    for (const size_t bytes : {14, 60, 2047, 2048, 2049, 4096, 65'553}) {
      ASSERT_TRUE(buffers.Fill());
      Send(bytes);
      ASSERT_EQ(buffers.Read(fds_[0]), ssize_t(bytes + sizeof(VnetHeader)));
      const MbufPtr frame(buffers.Take(static_cast<uint32_t>(bytes)));
      EXPECT_EQ(frame->nb_segs, (bytes + 2047) / 2048);
      EXPECT_EQ(FromMbuf(frame.get()), Packet(sent_)) << bytes;
    }
  }
  EXPECT_EQ(BuffersInUse(), before);
}

TEST_F(TapBuffersTest, HoldsTheLongestFrame) {
  TapBuffers buffers(TestPool());
  EXPECT_GE(buffers.capacity_bytes(), 65'535u + 14 + 4);
}

TEST_F(TapBuffersTest, WithoutAFrameAllGoesBack) {
  const unsigned before = BuffersInUse();
  {
    TapBuffers buffers(TestPool());
    ASSERT_TRUE(buffers.Fill());
    EXPECT_EQ(buffers.Read(fds_[0]), -1);
    EXPECT_EQ(errno, EAGAIN);
  }
  EXPECT_EQ(BuffersInUse(), before);
}

TEST_F(TapBuffersTest, AnEmptyPoolIsReportedAndLeftAsItWas) {
  rte_mempool* pool = rte_pktmbuf_pool_create("small", TapBuffers::kSegments, 0, 0,
                                              RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  ASSERT_NE(pool, nullptr);
  {
    TapBuffers buffers(pool);
    ASSERT_TRUE(buffers.Fill());
    Send(3000);
    ASSERT_GT(buffers.Read(fds_[0]), 0);
    const MbufPtr frame(buffers.Take(3000));
    EXPECT_FALSE(buffers.Fill());
  }
  EXPECT_EQ(rte_mempool_in_use_count(pool), 0u);
  rte_mempool_free(pool);
}

}  // namespace
}  // namespace podwarp::test
