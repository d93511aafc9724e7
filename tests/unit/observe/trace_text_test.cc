// What traces of real frames say: through a node's own stages, ports being in memory.
#include "observe/trace_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "observe/step_text.h"
#include "observe/watch.h"
#include "unit/control/node_fixture.h"

namespace podwarp::test {
namespace {

using nlohmann::ordered_json;
using testing::ElementsAre;
using testing::SizeIs;

const Ipv4Address kUnowned = "10.244.1.50"_ip;

class TraceTextTest : public NodeTest {
 protected:
  void Watch(TraceFilter filter = {}) {
    StartQuietly();
    watch_.emplace(&*node_, &*tables_);
    auto session = watch_->OpenTrace({}, std::move(filter));
    ASSERT_TRUE(session.ok()) << session.status();
    session_ = *session;
  }
  // All that is told of what comes of the frame, in the order in which it ends.
  std::vector<ordered_json> TracesOf(const std::string& port, const Packet& packet) {
    Inject(port, packet);
    std::vector<ordered_json> traces;
    TraceRecord record;
    while (session_->Take(&record)) traces.push_back(TraceToJson(record, kTime, *node_));
    return traces;
  }
  static std::vector<std::string> StepsOf(const ordered_json& trace) {
    std::vector<std::string> steps;
    for (const ordered_json& step : trace.at("steps")) {
      steps.push_back(absl::StrCat(step.at("stage").get<std::string>(), ": ",
                                   step.at("text").get<std::string>()));
    }
    return steps;
  }
  // Of a frame that makes no other.
  std::vector<std::string> StepsOf(const std::string& port, const Packet& packet) {
    const std::vector<ordered_json> traces = TracesOf(port, packet);
    EXPECT_THAT(traces, SizeIs(1));
    return traces.empty() ? std::vector<std::string>() : StepsOf(traces[0]);
  }
  void AddService(const std::vector<Ipv4Address>& backends) {
    ServiceConfig service = MakeService(backends);
    service.ports[0].name = "dns";
    config_.services = {service};
  }

  static constexpr absl::Time kTime = absl::UnixEpoch();
  std::optional<podwarp::Watch> watch_;
  std::shared_ptr<TraceSession> session_;
};

TEST_F(TraceTextTest, AFrameToAnotherNode) {
  Watch();
  const std::vector<ordered_json> traces = TracesOf("default/web", FromWeb(kOnB));
  ASSERT_THAT(traces, SizeIs(1));
  const ordered_json& trace = traces[0];
  EXPECT_THAT(
      StepsOf(trace),
      ElementsAre("receive: from pod default/web", "classify: IPv4 to 10.244.2.10",
                  "guard_source: the source is pod default/web's own",
                  "route: 10.244.2.10 is node node-b's, by uplink0",
                  "translate_service: nothing to translate",
                  "rewrite: TTL 64 -> 63, to 02:00:00:00:00:0b from 02:11:22:33:44:55",
                  "transmit: into the buffer of port uplink0", "send: handed to port uplink0"));
  EXPECT_EQ(trace.at("id"), "1-1");
  EXPECT_FALSE(trace.contains("cause"));
  EXPECT_EQ(trace.at("lcore"), 1);
  absl::Time time;
  ASSERT_TRUE(
      absl::ParseTime(absl::RFC3339_full, trace.at("time").get<std::string>(), &time, nullptr));
  EXPECT_EQ(time, kTime);
  EXPECT_EQ(trace.at("port"), "default/web");
  EXPECT_EQ(trace.at("pod"), "default/web");
  EXPECT_EQ(trace.at("frame"), "10.244.1.10:1 > 10.244.2.10:2 UDP, 72 bytes");
  EXPECT_EQ(trace.at("end"), "sent");
  EXPECT_EQ(trace.at("at_port"), "uplink0");
  EXPECT_FALSE(trace.contains("at_pod"));
  EXPECT_FALSE(trace.contains("reason"));
  EXPECT_FALSE(trace.contains("partial"));
  double last = 0;
  for (const ordered_json& step : trace.at("steps")) {
    EXPECT_GE(step.at("microseconds").get<double>(), last);
    last = step.at("microseconds");
    EXPECT_EQ(step.at("verdict"), step.at("stage") == "send" ? "sent" : "passed");
  }
}

TEST_F(TraceTextTest, AFrameFromTheWireToAPod) {
  Watch();
  const Packet packet = Ethernet(kVirtualMac, kNodeBMac) / Ipv4(kOnB, kDb) / Udp(1, 2) / Payload(9);
  const std::vector<ordered_json> traces = TracesOf("uplink0", packet);
  ASSERT_THAT(traces, SizeIs(1));
  EXPECT_THAT(
      StepsOf(traces[0]),
      ElementsAre("receive: from port uplink0", "classify: IPv4 to 10.244.1.11",
                  "guard_source: nothing to guard: it comes from the wire",
                  "route: 10.244.1.11 is pod default/db's",
                  "translate_service: nothing to translate",
                  "rewrite: TTL 64 -> 63, to 02:00:00:00:01:0b from 02:00:5e:00:00:01",
                  "transmit: into the buffer of pod default/db", "send: handed to pod default/db"));
  EXPECT_FALSE(traces[0].contains("pod"));
  EXPECT_EQ(traces[0].at("at_pod"), "default/db");
}

TEST_F(TraceTextTest, ASpoofedFrameSaysWhoseItIsCounted) {
  Watch();
  const Packet packet = Ethernet(kGatewayMac, kWebMac) / Ipv4(kDb, kOnB) / Udp(1, 2) / Payload(30);
  const std::vector<ordered_json> traces = TracesOf("default/web", packet);
  ASSERT_THAT(traces, SizeIs(1));
  EXPECT_THAT(StepsOf(traces[0]),
              ElementsAre("receive: from pod default/web", "classify: IPv4 to 10.244.2.10",
                          "guard_source: dropped: spoofed_ip (source address isn't the pod's)"));
  EXPECT_EQ(traces[0].at("end"), "dropped");
  EXPECT_EQ(traces[0].at("reason"), "spoofed_ip");
  EXPECT_EQ(traces[0].at("help"), "source address isn't the pod's");
  EXPECT_EQ(traces[0].at("at_port"), "default/web");
  EXPECT_EQ(traces[0].at("at_pod"), "default/web");
}

TEST_F(TraceTextTest, Arp) {
  Watch();
  const auto request = [](Ipv4Address target) {
    return Padded(Ethernet(MacAddress::Broadcast(), kWebMac) / Arp::Request(kWebMac, kWeb, target));
  };
  EXPECT_THAT(StepsOf("default/web", request(kDb)),
              ElementsAre("receive: from pod default/web", "classify: ARP",
                          "answer_arp: answered: 10.244.1.11 is at 02:00:5e:00:00:01",
                          "transmit: into the buffer of pod default/web",
                          "send: handed to pod default/web"));
  EXPECT_THAT(StepsOf("default/web", request(kUnowned)),
              ElementsAre("receive: from pod default/web", "classify: ARP",
                          "answer_arp: dropped: arp_unknown_target (rule 5: request for an address "
                          "nobody has)"));
  EXPECT_THAT(StepsOf("default/web", Padded(Ethernet(MacAddress::Broadcast(), kWebMac) /
                                            Arp::Announcement(kWebMac, kWeb))),
              ElementsAre("receive: from pod default/web", "classify: ARP",
                          "answer_arp: noted: 10.244.1.10 is at 02:00:00:00:01:0a"));
  EXPECT_THAT(StepsOf("default/web",
                      Padded(Ethernet(MacAddress::Broadcast(), kWebMac) / Arp::Rarp(kWebMac))),
              ElementsAre("receive: from pod default/web", "classify: RARP",
                          "answer_arp: noted: the pod has come here"));
}

TEST_F(TraceTextTest, APingToTheGatewayBecomesItsAnswer) {
  Watch();
  const Packet ping = Ethernet(kGatewayMac, kWebMac) / Ipv4(kWeb, kGateway) / Icmp::Echo(1, 7);
  EXPECT_THAT(StepsOf("default/web", ping),
              ElementsAre("receive: from pod default/web", "classify: IPv4 to 10.244.0.1",
                          "guard_source: the source is pod default/web's own",
                          "route: 10.244.0.1 is podwarp itself",
                          "translate_service: nothing to translate", "rewrite: can't simply go on",
                          "handle_exception: a ping to podwarp itself: turned into its answer",
                          "route: 10.244.1.10 is pod default/web's",
                          "translate_service: nothing to translate",
                          "rewrite: TTL 65 -> 64, to 02:00:00:00:01:0a from 02:00:5e:00:00:01",
                          "transmit: into the buffer of pod default/web",
                          "send: handed to pod default/web"));
}

TEST_F(TraceTextTest, AnAnswerNamesItsCause) {
  Watch();
  const std::vector<ordered_json> traces = TracesOf("default/web", FromWeb(kOnB, /*ttl=*/1));
  ASSERT_THAT(traces, SizeIs(2));
  EXPECT_EQ(traces[0].at("reason"), "ttl_expired");
  EXPECT_EQ(traces[0].at("steps").back().at("text"), "dropped: ttl_expired (time to live used up)");
  EXPECT_EQ(traces[1].at("cause"), traces[0].at("id"));
  EXPECT_EQ(traces[1].at("frame"), "10.244.0.1 > 10.244.1.10 ICMP time exceeded, 100 bytes");
  EXPECT_FALSE(traces[1].contains("port"));
  EXPECT_EQ(traces[1].at("steps").front().at("text"), "made in answer to 1-1");
  EXPECT_EQ(traces[1].at("steps").front().at("stage"), "handle_exception");
  EXPECT_EQ(traces[1].at("end"), "sent");
  EXPECT_EQ(traces[1].at("at_pod"), "default/web");
}

TEST_F(TraceTextTest, FragmentsNameWhatTheyWereCutFrom) {
  config_.uplinks[0].mtu_bytes = 576;
  Watch();
  const Packet packet =
      Ethernet(kGatewayMac, kWebMac) / Ipv4(kWeb, kOnB) / Udp(1, 2) / Payload(1000);
  const std::vector<ordered_json> traces = TracesOf("default/web", packet);
  ASSERT_THAT(traces, SizeIs(3));
  EXPECT_EQ(traces[0].at("end"), "consumed");
  EXPECT_EQ(traces[0].at("steps").back().at("text"), "cut into fragments");
  EXPECT_EQ(traces[1].at("frame"), "10.244.1.10:1 > 10.244.2.10:2 UDP, fragment at 0, 586 bytes");
  EXPECT_EQ(traces[1].at("steps").front().at("text"), "cut from 1-1");
  EXPECT_EQ(traces[2].at("cause"), "1-1");
}

TEST_F(TraceTextTest, CallsToAServiceAndTheirAnswersNameIt) {
  AddService({kDb});
  Watch();
  const std::vector<std::string> call = StepsOf("default/web", FromWeb(kServiceAddress));
  ASSERT_THAT(call, SizeIs(8));
  EXPECT_EQ(call[3], "route: 10.96.0.10 is a service's");
  EXPECT_EQ(call[4],
            "translate_service: service default/web:dns -> backend 10.244.1.11:8080 (pod "
            "default/db)");
  const Packet answer =
      Ethernet(kGatewayMac, kDbMac) / Ipv4(kDb, kWeb) / Udp(8080, 1) / Payload(30);
  const std::vector<std::string> back = StepsOf("default/db", answer);
  ASSERT_THAT(back, SizeIs(8));
  EXPECT_EQ(back[4],
            "translate_service: answer of backend 10.244.1.11:8080, from service "
            "default/web:dns now (pod default/web)");
}

TEST_F(TraceTextTest, ACallToOneselfByAServiceSaysAsWhom) {
  config_.hairpin_mode = HairpinMode::kPromiscuousArp;
  config_.hairpin_address = kGateway;
  AddService({kWeb});
  Watch();
  const std::vector<std::string> call = StepsOf("default/web", FromWeb(kServiceAddress));
  ASSERT_THAT(call, SizeIs(8));
  EXPECT_THAT(call[4], testing::MatchesRegex(
                           "translate_service: service default/web:dns -> backend "
                           "10.244.1.10:8080, as from 10.244.0.1:[0-9]+ .pod default/web."));
}

TEST_F(TraceTextTest, AServiceWithoutBackendsIsADropWithItsReason) {
  AddService({});
  Watch();
  const std::vector<ordered_json> traces = TracesOf("default/web", FromWeb(kServiceAddress));
  ASSERT_FALSE(traces.empty());
  EXPECT_EQ(traces[0].at("reason"), "service_no_backend");
  EXPECT_EQ(traces[0].at("steps").back().at("stage"), "translate_service");
}

TEST_F(TraceTextTest, WhatLeavesTheClusterSaysHow) {
  AddHostPort();
  Watch();
  const std::vector<std::string> steps = StepsOf("default/web", FromWeb(kOutside));
  ASSERT_THAT(steps, SizeIs(10));
  EXPECT_EQ(steps[3], "route: 203.0.113.9 is outside the cluster");
  EXPECT_EQ(steps[6],
            absl::StrCat("handle_exception: leaves the cluster through the node's kernel, by ",
                         config_.host_port->interface));
  EXPECT_EQ(steps[9],
            absl::StrCat("send: handed to port ", config_.host_port->interface, " (host)"));
}

TEST_F(TraceTextTest, RoutesThatLeadNowhereSayWhy) {
  AddNodeC();
  Watch();
  const auto route = [&](Ipv4Address to) {
    return TracesOf("default/web", FromWeb(to)).at(0).at("steps").at(3).at("text");
  };
  EXPECT_EQ(route(kUnowned), "nobody has 10.244.1.50, though it is in the cluster's ranges");
  EXPECT_EQ(route("10.244.1.1"_ip), "10.244.1.1 is reserved: nobody may have it");
  EXPECT_EQ(route(kOnC), "node node-c hasn't answered ARP yet");
  EXPECT_EQ(route("192.0.2.88"_ip),
            "192.0.2.88 is on the segment, by uplink0, and not asked for yet");
}

// What wasn't followed from the beginning is told by its end.
TEST_F(TraceTextTest, APartialTraceSaysThatItIsOne) {
  StartQuietly();
  TraceRecord record{};
  record.number = 3;
  record.worker = 1;
  record.port = kNoPort;
  record.frame_bytes = 60;
  record.is_partial = true;
  record.step_count = 1;
  record.steps[0].stage = Stage::kSend;
  record.steps[0].verdict = TraceVerdict::kDropped;
  record.steps[0].reason = DropReason::kTransmitQueueFull;
  record.steps[0].port = Web().port;
  record.steps[0].next_hop_port = kNoPort;
  const ordered_json trace = TraceToJson(record, kTime, *node_);
  EXPECT_EQ(trace.at("id"), "2-3");
  EXPECT_EQ(trace.at("partial"), true);
  EXPECT_FALSE(trace.contains("port"));
  EXPECT_EQ(trace.at("at_port"), "default/web");
  EXPECT_EQ(trace.at("at_pod"), "default/web");
}

TEST_F(TraceTextTest, APortThatIsGoneIsCalledByItsNumber) {
  StartQuietly();
  TraceRecord record{};
  record.port = 77;
  record.step_count = 1;
  record.steps[0].stage = Stage::kReceive;
  record.steps[0].port = kNoPort;
  const ordered_json trace = TraceToJson(record, kTime, *node_);
  EXPECT_EQ(trace.at("port"), "port 77 (gone)");
  EXPECT_EQ(trace.at("steps").at(0).at("text"), "from port 77 (gone)");
}

}  // namespace
}  // namespace podwarp::test
