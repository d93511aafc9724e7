#include "platform/shared_memory_fault.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

namespace podwarp {
namespace {

constexpr size_t kPage = 4096;

class SharedMemoryFaultTest : public testing::Test {
 protected:
  SharedMemoryFaultTest() : fd_(memfd_create("test", MFD_CLOEXEC)) {
    EXPECT_EQ(ftruncate(fd_, 2 * kPage), 0);
    memory_ = static_cast<volatile char*>(
        mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0));
    EXPECT_NE(memory_, MAP_FAILED);
    memory_[0] = 1;
    memory_[kPage] = 2;
    SurviveSharedMemoryFaults();
  }
  ~SharedMemoryFaultTest() override {
    signal(SIGBUS, SIG_DFL);
    munmap(const_cast<char*>(memory_), 2 * kPage);
    close(fd_);
  }
  void CutToOnePage() { EXPECT_EQ(ftruncate(fd_, kPage), 0); }

  const int fd_;
  volatile char* memory_;
  std::atomic<bool> was_lost_{false};
};

TEST_F(SharedMemoryFaultTest, FindsZerosInsideAScope) {
  const SharedMemoryScope scope(&was_lost_);
  EXPECT_EQ(memory_[kPage], 2);
  EXPECT_FALSE(was_lost_);
  CutToOnePage();
  EXPECT_EQ(memory_[kPage + 5], 0);
  EXPECT_TRUE(was_lost_);
  EXPECT_EQ(memory_[0], 1);
  memory_[kPage] = 7;  // goes nowhere
  EXPECT_EQ(memory_[kPage], 7);
}

TEST_F(SharedMemoryFaultTest, GuardsAThreadFromNowOn) {
  GuardSharedMemory(&was_lost_);
  CutToOnePage();
  memory_[kPage] = 1;
  GuardSharedMemory(nullptr);
  EXPECT_TRUE(was_lost_);
}

using SharedMemoryFaultDeathTest = SharedMemoryFaultTest;

TEST_F(SharedMemoryFaultDeathTest, EndsTheProcessOutsideOfScopes) {
  CutToOnePage();
  EXPECT_EXIT(static_cast<void>(memory_[kPage]), testing::KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace podwarp
