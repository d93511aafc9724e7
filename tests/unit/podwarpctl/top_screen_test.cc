// The lists of `top`: what keys do to them, and that each fits its screen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "top/keys.h"
#include "top/lists.h"
#include "top/screen.h"

namespace podwarp::ctl::test {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Le;
using testing::Not;
using testing::ResultOf;
using testing::SizeIs;
using testing::StartsWith;

using Lines = std::vector<std::string>;

// Pod 0 is the busiest; each third one is down.
Rates BusyNode(size_t count) {
  Rates rates;
  rates.status = {{"node", "node-a"}, {"ready", true}};
  rates.seconds = 1;
  rates.ports.emplace();
  rates.pods.emplace();
  for (size_t i = 0; i < count; ++i) {
    const std::string name = absl::StrCat("default/web-", i);
    const std::string state = i % 3 == 2 ? "down: nobody listens at the socket" : "up";
    TrafficRate traffic;
    traffic.received_frames = static_cast<double>(1000 * (count - i));
    traffic.transmitted_frames = static_cast<double>(i);
    traffic.transmitted_bits = 999e9;
    rates.ports->push_back({.name = name,
                            .role = "pod",
                            .state = state,
                            .traffic = traffic,
                            .lost_frames = 0,
                            .mostly_dropped = "service_hairpin_address"});
    rates.pods->push_back({.name = name,
                           .state = state,
                           .traffic = traffic,
                           .mostly_dropped = "service_hairpin_address"});
    rates.workers.push_back({.lcore = i, .queues = 3, .busy_percent = 12.5, .traffic = traffic});
    rates.drops.push_back({.reason = absl::StrCat("reason_", i),
                           .frames = 1,
                           .total = 1'000'000 + i,
                           .last_ports = name,
                           .last_pods = name,
                           .help = std::string(90, 'h')});
  }
  return rates;
}

class ScreenTest : public testing::Test {
 protected:
  Lines Draw() { return ScreenOf(rates_, size_, &state_); }
  Lines Draw(const std::vector<int>& keys) {
    Lines lines;
    for (const int key : keys) {
      EXPECT_TRUE(Press(key, &state_));
      lines = Draw();
    }
    return lines;
  }
  // The first row's name, or lcore: behind the head, the title and the headings.
  static std::string FirstOf(const Lines& lines) {
    const std::string line = lines.at(4);
    return line.substr(0, line.find(' '));
  }

  Rates rates_ = BusyNode(100);
  ScreenSize size_;
  ScreenState state_;
};

TEST_F(ScreenTest, FitsTheTerminal) {
  for (const ScreenSize size :
       {ScreenSize{}, ScreenSize{.width = 200, .height = 60}, ScreenSize{.width = 20, .height = 7},
        ScreenSize{.width = 3, .height = 3}, ScreenSize{.width = 1, .height = 1}}) {
    for (const size_t count : {0, 1, 19, 20, 500}) {
      const Rates rates = BusyNode(count);
      for (const int key : {'o', 'p', 'd', 'w', 'r', '?', ' '}) {
        EXPECT_TRUE(Press(key, &state_));
        const Lines lines = ScreenOf(rates, size, &state_);
        EXPECT_THAT(lines, SizeIs(Le(size.height)));
        EXPECT_THAT(lines, Each(ResultOf(WidthOf, Le(size.width))));
      }
    }
  }
}

TEST_F(ScreenTest, KeysSwitchTheView) {
  EXPECT_THAT(Draw().back(), StartsWith("[o overview]  p ports"));
  EXPECT_THAT(Draw({'p'})[3], StartsWith("PORT "));
  EXPECT_THAT(Draw({'d'})[3], StartsWith("POD "));
  EXPECT_THAT(Draw({'w'})[3], StartsWith("LCORE "));
  EXPECT_THAT(Draw({'r'})[3], StartsWith("REASON "));
  EXPECT_THAT(Draw().back(), HasSubstr("  [r drops]  "));
  EXPECT_THAT(Draw({'2'})[3], StartsWith("PORT "));
  EXPECT_THAT(Draw({'5'})[3], StartsWith("REASON "));
  EXPECT_THAT(Draw({'1'}).back(), StartsWith("[o overview]"));
  EXPECT_FALSE(Press('q', &state_));
}

TEST_F(ScreenTest, CountsWhatHasNoRoom) {
  const Lines lines = Draw({'d'});
  EXPECT_EQ(lines[2], "100 pods, most frames first");
  EXPECT_EQ(lines[22], "... and 82 more");
  size_.height = 40;
  EXPECT_EQ(Draw()[38], "... and 66 more");
  rates_ = BusyNode(19);
  size_.height = 24;
  EXPECT_THAT(Draw()[22], StartsWith("default/web-18 ")) << "the last one needs no line to count";
  rates_ = BusyNode(0);
  EXPECT_EQ(Draw()[2], "no pods");
}

TEST_F(ScreenTest, Scrolls) {
  EXPECT_EQ(FirstOf(Draw({'d', 'j', 'j', kKeyDown})), "default/web-3");
  EXPECT_EQ(Draw()[22], "... and 3 above, 79 below");
  EXPECT_EQ(FirstOf(Draw({'k', kKeyUp})), "default/web-1");
  EXPECT_EQ(FirstOf(Draw({kKeyPageDown})), "default/web-19");
  EXPECT_EQ(FirstOf(Draw({kKeyPageUp, kKeyPageUp})), "default/web-0");
  EXPECT_EQ(FirstOf(Draw({kKeyEnd, 'j', 'j'})), "default/web-82") << "the screen stays full";
  EXPECT_EQ(FirstOf(Draw({'k'})), "default/web-81") << "the end leaves nothing to go back over";
  EXPECT_EQ(FirstOf(Draw({'p'})), "default/web-0") << "each list is where it was left";
  EXPECT_EQ(FirstOf(Draw({'d'})), "default/web-81");
  rates_ = BusyNode(30);
  EXPECT_EQ(FirstOf(Draw()), "default/web-12") << "there are fewer now";
}

TEST_F(ScreenTest, SortsByEachColumn) {
  Lines lines = Draw({'d', '>'});
  EXPECT_EQ(lines[2], "100 pods, by pod, A first");
  EXPECT_EQ(FirstOf(lines), "default/web-0");
  EXPECT_EQ(FirstOf(Draw({'R'})), "default/web-99");
  lines = Draw({'s', 's', 's'});
  EXPECT_EQ(lines[2], "100 pods, by tx/s, highest first");
  EXPECT_EQ(FirstOf(lines), "default/web-99");
  EXPECT_EQ(FirstOf(Draw({'R'})), "default/web-0");
  lines = Draw({'<', '<', '<', '<', '<'});
  EXPECT_EQ(lines[2], "100 pods, by state, A first") << "around the end";
  EXPECT_EQ(FirstOf(lines), "default/web-2") << "those that are down";
  EXPECT_EQ(Draw({'>'})[2], "100 pods, most frames first");
  EXPECT_EQ(FirstOf(Draw({'R'})), "default/web-99");
}

TEST_F(ScreenTest, StateIsSeenAt80Columns) {
  for (const int view : {'d', 'p'}) {
    const Lines lines = Draw({view});
    EXPECT_THAT(lines[3], AllOf(HasSubstr("DROPS/S"), EndsWith("STATE")));
    EXPECT_THAT(lines[4], AllOf(StartsWith("default/web-0 "), EndsWith("  up")));
    EXPECT_THAT(lines[6], AllOf(HasSubstr("  service_"), HasSubstr("  down")));
  }
}

TEST_F(ScreenTest, OneLookKnowsNoRates) {
  rates_.seconds = 0;
  const Lines lines = Draw({'d'});
  EXPECT_EQ(lines[1], "a second: not known yet");
  EXPECT_THAT(lines[4], testing::ContainsRegex("^default/web-0 +- +- "));
}

TEST_F(ScreenTest, WorkersWithoutLatencyHaveADash) {
  rates_.workers = {{.lcore = 1}, {.lcore = 2, .latency = Latency{.p50_us = 3.5, .p99_us = 1200}}};
  const Lines lines = Draw({'w'});
  EXPECT_THAT(lines[3], EndsWith("P50 US  P99 US"));
  EXPECT_THAT(lines[4], EndsWith("     -       -"));
  EXPECT_THAT(lines[5], EndsWith("3.5  1.20 k"));
}

TEST_F(ScreenTest, FrozenWithoutWhatTheViewNeeds) {
  rates_.pods.reset();
  EXPECT_EQ(Draw({' '})[2], "frozen; space goes on");
  EXPECT_EQ(Draw({'d'})[3], "pods: not read before the screen froze");
  EXPECT_THAT(Draw({' ', 'p'}), Each(Not(HasSubstr("frozen"))));
}

TEST_F(ScreenTest, ShowsTheKeys) {
  EXPECT_THAT(Draw({'?'}), testing::Contains(HasSubstr("reverse the order")));
  EXPECT_THAT(Draw({'p'})[3], StartsWith("PORT ")) << "a key leads back, and does what it is for";
  EXPECT_THAT(Draw({'?', '?'})[3], StartsWith("PORT "));
}

TEST_F(ScreenTest, AsTextAListIsWhole) {
  const Lines lines = TextOf(rates_, View::kDrops);
  EXPECT_THAT(lines, SizeIs(2 + 2 + 100));
  EXPECT_THAT(lines.back(), AllOf(StartsWith("reason_99 "), EndsWith(std::string(90, 'h'))));
  const Lines overview = TextOf(rates_, View::kOverview);
  EXPECT_THAT(overview, SizeIs(24));
  EXPECT_THAT(overview, Each(ResultOf(WidthOf, Le(80u))));
}

TEST(Shorten, KeepsWhatTellsNamesApart) {
  EXPECT_EQ(Shorten("default/web", 11, Cut::kMiddle), "default/web");
  EXPECT_EQ(Shorten("default/web-12345", 11, Cut::kMiddle), "defa~-12345");
  EXPECT_EQ(Shorten("spoofed_ip", 7, Cut::kEnd), "spoofed");
  EXPECT_EQ(Shorten("default/web", 2, Cut::kMiddle), "de");
}

std::vector<int> KeysOf(const std::vector<std::string>& parts) {
  KeyReader reader;
  std::vector<int> keys;
  for (const std::string& part : parts) {
    reader.Add(part);
    while (const std::optional<int> key = reader.Next()) keys.push_back(*key);
  }
  return keys;
}

TEST(KeyReader, KnowsWhatTerminalsSend) {
  EXPECT_THAT(KeysOf({"pq"}), ElementsAre('p', 'q'));
  EXPECT_THAT(KeysOf({"\033[A\033OB\033[5~\033[6~"}),
              ElementsAre(kKeyUp, kKeyDown, kKeyPageUp, kKeyPageDown));
  EXPECT_THAT(KeysOf({"\033", "[", "5", "~x"}), ElementsAre(kKeyPageUp, 'x')) << "in parts";
  EXPECT_THAT(KeysOf({"\033[15;2~q"}), ElementsAre(kKeyOther, 'q')) << "no letters of a sequence";
  EXPECT_THAT(KeysOf({"\033", "q"}), ElementsAre('q')) << "after the escape key";
  EXPECT_THAT(KeysOf({"\033[" + std::string(100, '1') + "q"}).back(), 'q') << "never stuck";
}

}  // namespace
}  // namespace podwarp::ctl::test
