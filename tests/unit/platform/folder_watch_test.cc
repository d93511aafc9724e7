#include "platform/folder_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace podwarp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class FolderWatchTest : public testing::Test {
 protected:
  FolderWatchTest() {
    std::filesystem::create_directories(a_);
    std::filesystem::create_directories(b_);
  }
  ~FolderWatchTest() override { std::filesystem::remove_all(root_); }

  static void Make(const std::string& path) { std::ofstream(path) << "x"; }
  bool IsReadable() {
    pollfd ready{.fd = watch_.fd(), .events = POLLIN, .revents = 0};
    return poll(&ready, 1, 0) == 1;
  }

  const std::string root_ = absl::StrCat(testing::TempDir(), "folder-watch-", getpid());
  const std::string a_ = root_ + "/a";
  const std::string b_ = root_ + "/b";
  FolderWatch watch_;
};

TEST_F(FolderWatchTest, TellsInWhichFoldersSomethingAppeared) {
  watch_.Watch(a_);
  watch_.Watch(a_);
  watch_.Watch(b_);
  EXPECT_FALSE(IsReadable());
  EXPECT_THAT(watch_.TakeChanged(), IsEmpty());
  Make(a_ + "/1");
  Make(a_ + "/2");
  EXPECT_TRUE(IsReadable());
  EXPECT_THAT(watch_.TakeChanged(), ElementsAre(a_));
  EXPECT_FALSE(IsReadable());
  std::filesystem::rename(a_ + "/1", b_ + "/1");
  EXPECT_THAT(watch_.TakeChanged(), ElementsAre(b_));
  std::filesystem::permissions(a_ + "/2", std::filesystem::perms::none);
  EXPECT_THAT(watch_.TakeChanged(), ElementsAre(a_));
}

TEST_F(FolderWatchTest, SaysNothingOfFoldersThatItNoLongerWatches) {
  watch_.Watch(a_);
  watch_.Unwatch(a_);
  watch_.Unwatch(b_);
  Make(a_ + "/1");
  EXPECT_THAT(watch_.TakeChanged(), IsEmpty());
}

TEST_F(FolderWatchTest, CanWatchAFolderThatWasMadeAnew) {
  watch_.Watch(a_);
  std::filesystem::remove_all(a_);
  EXPECT_THAT(watch_.TakeChanged(), ElementsAre(a_));
  watch_.Watch(a_);  // there is none
  std::filesystem::create_directories(a_);
  watch_.Watch(a_);
  Make(a_ + "/1");
  EXPECT_THAT(watch_.TakeChanged(), ElementsAre(a_));
}

}  // namespace
}  // namespace podwarp
