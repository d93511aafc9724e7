// What the log says of ports, pods and neighbours, however often others make it happen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/log_capture.h"
#include "unit/control/node_fixture.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class NodeLogTest : public NodeTest {
 protected:
  // 200 ms each: a look at the ports.
  void ShowState(bool up) {
    factory_["default/web"].SetState(
        {.up = up, .why_down = up ? "" : "nobody is connected to /run/web", .speed_mbps = 0});
    Step(absl::Milliseconds(200));
  }

  LogCapture log_;
};

TEST_F(NodeLogTest, AGuestThatRebootsIsToldOfAtOnce) {
  StartQuietly();
  log_.Take();
  ShowState(false);
  EXPECT_THAT(log_.Take("port default/web"),
              ElementsAre("W port default/web is down: nobody is connected to /run/web"));
  ShowState(true);
  EXPECT_THAT(log_.Take("port default/web"), ElementsAre("I port default/web is up"));
}

TEST_F(NodeLogTest, AGuestThatFlapsHasFewLinesAndItsLastStateIsTold) {
  StartQuietly();
  log_.Take();
  for (int i = 0; i < 100; ++i) {  // 40 s
    ShowState(false);
    ShowState(true);
  }
  EXPECT_THAT(log_.Take("port default/web"), SizeIs(testing::Le(6)));
  ShowState(false);
  for (int i = 0; i < 5 * 90; ++i) Step(absl::Milliseconds(200));
  EXPECT_THAT(log_.Take("port default/web"),
              ElementsAre(testing::AllOf(HasSubstr("port default/web is down: nobody is"),
                                         HasSubstr(" changes since its last line)"))));
}

TEST_F(NodeLogTest, APodThatLosesItsPortOverAndOverHasFewLines) {
  StartQuietly();
  log_.Take();
  for (int i = 0; i < 30; ++i) {
    factory_["default/web"].SetState({.why_down = "eth0 was deleted", .is_gone = true});
    Step(absl::Milliseconds(300));
    Step(absl::Milliseconds(1'100));  // it is opened again
    ASSERT_NE(Web().port, kNoPort);
  }
  const std::vector<std::string> lines = log_.Take("has lost its port");
  ASSERT_THAT(lines, SizeIs(3));  // 42 s
  EXPECT_EQ(lines[0], "W pod default/web has lost its port: eth0 was deleted");
}

TEST_F(NodeLogTest, AFloodOfConflictsIsCounted) {
  StartQuietly();
  log_.Take();
  const Packet claim = Padded(Ethernet(MacAddress::Broadcast(), kStrangerMac) /
                              Arp::Announcement(kStrangerMac, kWeb));
  for (int i = 0; i < 50; ++i) Inject("uplink0", claim);
  EXPECT_THAT(log_.Take("address conflict"), SizeIs(3));
  Step(absl::Seconds(61));
  Inject("uplink0", claim);
  EXPECT_THAT(log_.Take("address conflict"),
              ElementsAre("W address conflict: 02:00:00:00:00:77 behind port uplink0 claims "
                          "10.244.1.10, which belongs to pod default/web (47 more such lines left "
                          "out)"));
}

TEST_F(NodeLogTest, ANodeThatFallsSilentMovesAndAnswersAgainIsNamed) {
  AddNodeC();
  Start();
  for (int i = 0; i < 6; ++i) Step(absl::Seconds(1));
  EXPECT_THAT(log_.Take("node node-c"),
              ElementsAre("W node node-c does not answer ARP for 192.0.2.3 on port uplink0; frames "
                          "to it are dropped (neighbor_unresolved)"));
  Inject("uplink0", ReplyOf(kNodeC, kNodeCMac));
  EXPECT_THAT(log_.Take("node node-c"), ElementsAre("I node node-c is at 02:00:00:00:00:0c"));
  for (int i = 0; i < 40; ++i) Step(absl::Seconds(1));
  EXPECT_THAT(log_.Take("node node-c"),
              ElementsAre("W node node-c does not answer ARP for 192.0.2.3 on port uplink0; frames "
                          "to it go on to 02:00:00:00:00:0c"));
  Inject("uplink0", ReplyOf(kNodeC, kNodeCMac));
  EXPECT_THAT(log_.Take("node node-c"),
              ElementsAre("I node node-c is at 02:00:00:00:00:0c and answers again"));
  Inject("uplink0", ReplyOf(kNodeC, kStrangerMac));
  EXPECT_THAT(log_.Take("node node-c"), ElementsAre("W node node-c is at 02:00:00:00:00:77 now; it "
                                                    "was at 02:00:00:00:00:0c"));
  Inject("uplink0", ReplyOf(kNodeC, kStrangerMac));
  EXPECT_THAT(log_.Take("node node-c"), IsEmpty());
}

}  // namespace
}  // namespace podwarp::test
