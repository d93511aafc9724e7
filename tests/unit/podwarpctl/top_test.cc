#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "text/table.h"
#include "top/overview.h"
#include "top/rates.h"

namespace podwarp::ctl::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Le;
using testing::ResultOf;
using testing::SizeIs;
using testing::StartsWith;

Json Port(const std::string& name, uint64_t received, uint64_t bytes = 0, uint64_t missed = 0) {
  return {{"name", name},
          {"role", "pod"},
          {"up", true},
          {"received_frames", received},
          {"received_bytes", bytes},
          {"transmitted_frames", 0},
          {"transmitted_bytes", 0},
          {"dropped_frames", 0},
          {"device_receive_missed", missed}};
}

Json Worker(uint64_t busy, uint64_t total, uint64_t received) {
  return {{"lcore", 1},
          {"queues", 3},
          {"cycles_busy", busy},
          {"cycles_total", total},
          {"received_frames", received},
          {"transmitted_frames", received},
          {"dropped_frames", 0}};
}

Json Drop(const std::string& name, uint64_t frames) {
  return {{"name", name},
          {"help", "what it means"},
          {"frames", frames},
          {"last_ports", Json::array({"default/a"})},
          {"last_pods", Json::array({"default/pod-a"})}};
}

Sample MakeSample(double at, Json workers, Json ports, Json drops) {
  return {.at_seconds = at,
          .status = {{"node", "node-a"}, {"ready", true}},
          .workers = std::move(workers),
          .ports = std::move(ports),
          .drops = std::move(drops),
          .pods = {},
          .latency = {}};
}

Json List(std::initializer_list<Json> items) { return Json::array_t(items); }

TEST(Rates, AreOfTheTimeBetween) {
  const Rates rates =
      RatesBetween(MakeSample(10, List({Worker(100, 1000, 50)}), List({Port("a", 1000, 64'000, 5)}),
                              List({Drop("no_route", 3)})),
                   MakeSample(12, List({Worker(350, 2000, 100)}),
                              List({Port("a", 3000, 192'000, 15)}), List({Drop("no_route", 7)})));
  EXPECT_EQ(rates.seconds, 2);
  ASSERT_THAT(rates.workers, SizeIs(1));
  EXPECT_EQ(rates.workers[0].busy_percent, 25);
  EXPECT_EQ(rates.workers[0].cycles_per_frame, 5);
  EXPECT_EQ(rates.workers[0].traffic.received_frames, 25);
  ASSERT_THAT(*rates.ports, SizeIs(1));
  EXPECT_EQ((*rates.ports)[0].traffic.received_frames, 1000);
  EXPECT_EQ((*rates.ports)[0].traffic.received_bits, 512'000);
  EXPECT_EQ((*rates.ports)[0].lost_frames, 5);
  EXPECT_EQ((*rates.ports)[0].state, "up");
  ASSERT_THAT(rates.drops, SizeIs(1));
  EXPECT_EQ(rates.drops[0].frames, 2);
  EXPECT_EQ(rates.drops[0].total, 7u);
  EXPECT_EQ(rates.drops[0].last_ports, "default/a");
  EXPECT_EQ(rates.drops[0].last_pods, "default/pod-a");
  EXPECT_EQ(rates.drops[0].help, "what it means");
  EXPECT_EQ(rates.traffic.received_frames, 1000);
  EXPECT_EQ(rates.traffic.dropped_frames, 2);
}

TEST(Rates, WorkersTellBurstsSleepsAndLatency) {
  const auto sample = [](double at, uint64_t grown) {
    Json worker = Worker(0, 0, 10 * grown);
    worker["bursts"] = 2 * grown;
    worker["sleeps"] = 7 * grown;
    return MakeSample(at, List({worker}), {}, {});
  };
  const Sample before = sample(0, 0);
  Sample now = sample(2, 10);
  WorkerRate rate = RatesBetween(before, now).workers[0];
  EXPECT_EQ(rate.frames_per_burst, 5);
  EXPECT_EQ(rate.sleeps, 35);
  EXPECT_FALSE(rate.latency.has_value());
  now.latency = List({{{"lcore", 9}, {"p50_us", 1.0}, {"p99_us", 2.0}},
                      {{"lcore", 1}, {"p50_us", 3.5}, {"p99_us", 40.0}}});
  rate = RatesBetween(before, now).workers[0];
  ASSERT_TRUE(rate.latency.has_value());
  EXPECT_EQ(rate.latency->p50_us, 3.5);
  EXPECT_EQ(rate.latency->p99_us, 40);
}

TEST(Rates, OfAllAreTheWorkersWithoutPorts) {
  const Rates rates = RatesBetween(MakeSample(0, List({Worker(0, 0, 0)}), {}, {}),
                                   MakeSample(2, List({Worker(0, 0, 50)}), {}, {}));
  EXPECT_FALSE(rates.ports.has_value());
  EXPECT_EQ(rates.traffic.received_frames, 25);
  EXPECT_THAT(HeadOf(rates)[1], StartsWith("a second: received 25   sent 25   dropped 0"));
  EXPECT_FALSE(ToJson(rates)["per_second"].contains("received_bits"));
  EXPECT_FALSE(ToJson(rates).contains("ports"));
}

Json DroppingPod(uint64_t received, const Json& drops) {
  Json pod = Port("default/a", received, 100 * received);
  if (!drops.is_null()) pod["drops"] = drops;
  return pod;
}

PodRate RateOfPod(const Json& before, const Json& now) {
  Sample first = MakeSample(0, {}, {}, {}), second = MakeSample(2, {}, {}, {});
  first.pods = List({before});
  second.pods = List({now});
  return RatesBetween(first, second).pods.value()[0];
}

TEST(Rates, PodsTellWhyMostIsDroppedNow) {
  const Json before = {{"ttl_expired", 9000}, {"no_route", 4}};
  const Json now = {{"ttl_expired", 9000}, {"no_route", 7}, {"spoofed_ip", 5}};
  const PodRate rate = RateOfPod(DroppingPod(0, before), DroppingPod(8, now));
  EXPECT_EQ(rate.name, "default/a");
  EXPECT_EQ(rate.traffic.received_frames, 4);
  EXPECT_EQ(rate.traffic.received_bits, 3200);
  EXPECT_EQ(rate.mostly_dropped, "spoofed_ip") << "it has begun since";
  EXPECT_EQ(RateOfPod(DroppingPod(0, now), DroppingPod(0, now)).mostly_dropped, "");
  EXPECT_EQ(RateOfPod(DroppingPod(0, nullptr), DroppingPod(0, now)).mostly_dropped, "")
      << "nobody knows since when";
}

TEST(Rates, WhatIsNewOrBeganAnewHasNone) {
  const Rates rates = RatesBetween(
      MakeSample(0, {}, List({Port("restarted", 5000)}), {}),
      MakeSample(1, List({Worker(5, 10, 5)}), List({Port("restarted", 10), Port("new", 70)}), {}));
  EXPECT_EQ((*rates.ports)[0].traffic.received_frames, 0);
  EXPECT_EQ((*rates.ports)[1].traffic.received_frames, 0);
  EXPECT_EQ(rates.workers[0].busy_percent, 0);
}

TEST(Rates, NoTimeHasNone) {
  const Rates rates = RatesBetween(MakeSample(1, {}, List({Port("a", 1)}), {}),
                                   MakeSample(1, {}, List({Port("a", 9)}), {}));
  EXPECT_EQ((*rates.ports)[0].traffic.received_frames, 0);
}

TEST(Rates, MostComesFirst) {
  const Rates rates =
      RatesBetween(MakeSample(0, {}, List({Port("few", 0), Port("many", 0)}),
                              List({Drop("old", 1000), Drop("new", 0), Drop("none", 0)})),
                   MakeSample(1, {}, List({Port("few", 1), Port("many", 2)}),
                              List({Drop("old", 1000), Drop("new", 1), Drop("none", 0)})));
  ASSERT_THAT(*rates.ports, SizeIs(2));
  EXPECT_EQ((*rates.ports)[0].name, "many");
  ASSERT_THAT(rates.drops, SizeIs(2)) << "reasons without a frame are left out";
  EXPECT_EQ(rates.drops[0].reason, "new");
}

TEST(Rates, AsJson) {
  const Rates rates = RatesBetween(
      MakeSample(0, List({Worker(0, 0, 0)}), List({Port("a", 0)}), {}),
      MakeSample(2, List({Worker(1, 4, 1)}), List({Port("a", 1)}), List({Drop("x", 1)})));
  const Json json = ToJson(rates);
  EXPECT_EQ(json["seconds"], 2);
  EXPECT_EQ(json["per_second"]["received_frames"], 0.5);
  EXPECT_EQ(json["workers"][0]["busy_percent"], 25);
  EXPECT_FALSE(json["workers"][0]["per_second"].contains("received_bits"));
  EXPECT_EQ(json["ports"][0]["per_second"]["received_frames"], 0.5);
  EXPECT_EQ(json["drops"][0]["frames"], 1);
}

TEST(Share, GivesNobodyMoreThanItNeeds) {
  EXPECT_THAT(Share({2, 3, 4}, 100), ElementsAre(2, 3, 4));
  EXPECT_THAT(Share({2, 30, 4}, 18), ElementsAre(2, 12, 4));
  EXPECT_THAT(Share({50, 50, 50}, 10), ElementsAre(4, 3, 3));
  EXPECT_THAT(Share({50, 50, 50}, 0), ElementsAre(0, 0, 0));
}

Rates BusyNode(size_t ports) {
  Json before = Json::array(), now = Json::array(), drops = Json::array();
  for (size_t i = 0; i < ports; ++i) {
    const std::string name = absl::StrCat("default/", std::string(60, 'x'), "-", i);
    before.push_back(Port(name, 0));
    now.push_back(Port(name, 1'000'000 + i, 64'000'000));
    drops.push_back(Drop(absl::StrCat("reason_", i), 1));
  }
  return RatesBetween(MakeSample(0, List({Worker(0, 0, 0)}), before, {}),
                      MakeSample(1, List({Worker(1, 2, 3)}), now, drops));
}

TEST(Overview, FitsTheTerminal) {
  for (const ScreenSize size :
       {ScreenSize{}, ScreenSize{.width = 200, .height = 60}, ScreenSize{.width = 20, .height = 7},
        ScreenSize{.width = 1, .height = 1}}) {
    for (const size_t ports : {0, 3, 500}) {
      const std::vector<std::string> lines = OverviewOf(BusyNode(ports), size);
      EXPECT_THAT(lines, SizeIs(Le(size.height)));
      EXPECT_THAT(lines, Each(ResultOf(WidthOf, Le(size.width))));
    }
  }
}

TEST(Overview, ShowsWorkersPortsAndDrops) {
  const std::vector<std::string> head = HeadOf(BusyNode(500));
  ASSERT_THAT(head, SizeIs(2));
  EXPECT_THAT(head[0], StartsWith("podwarp node-a   up 0 s   ports 0/0"));
  EXPECT_THAT(head[1], StartsWith("a second: received 500 M (256 Gbit)   sent 0"));
  const std::vector<std::string> lines = OverviewOf(BusyNode(500), {.width = 80, .height = 22});
  EXPECT_THAT(lines, SizeIs(22));
  EXPECT_THAT(lines, Contains(AllOf(StartsWith("WORKER"), HasSubstr("BUSY"))));
  EXPECT_THAT(lines, Contains(HasSubstr("50.0 %")));
  EXPECT_THAT(lines, Contains(AllOf(StartsWith("PORT"), HasSubstr("RX/S"))));
  EXPECT_THAT(lines, Contains(AllOf(StartsWith("default~xxxxxxxx-499  1.00 M     512 M     0 "),
                                    HasSubstr("up"))));
  EXPECT_THAT(lines, Contains(StartsWith("DROPPED AS")));
  EXPECT_THAT(lines, Contains(testing::MatchesRegex("... 49[0-9] more"))) << "none is left unsaid";
}

TEST(Overview, AFewAreShownWhole) {
  const std::vector<std::string> lines = OverviewOf(BusyNode(2), {});
  EXPECT_THAT(lines, Contains(StartsWith("reason_1")));
  EXPECT_THAT(lines, Each(testing::Not(HasSubstr("more"))));
}

}  // namespace
}  // namespace podwarp::ctl::test
