// ports, workers, drops, stages, latency
#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "commands/command.h"
#include "text/fields.h"
#include "text/numbers.h"

namespace podwarp::ctl {
namespace {

constexpr auto kRight = Align::kRight;

std::string Speed(const Json& port) {
  const uint64_t mbps = Number(port, "speed_mbps");
  return mbps == 0 ? "" : Short(static_cast<double>(mbps) * 1e6, "bit/s");
}

// What the device lost by itself.
uint64_t LostFrames(const Json& port) {
  return Number(port, "device_receive_missed") + Number(port, "device_receive_errors") +
         Number(port, "device_receive_no_buffer") + Number(port, "device_transmit_errors");
}

ListView PortView() {
  return {.table = Table({{"PORT"},
                          {"ROLE"},
                          {"DRIVER"},
                          {"MTU", kRight},
                          {"VLAN", kRight},
                          {"SPEED", kRight},
                          {"QUEUES", kRight},
                          {"RECEIVED", kRight},
                          {"SENT", kRight},
                          {"DROPPED", kRight},
                          {"MOSTLY FOR"},
                          {"LOST", kRight},
                          {"STATE"}}),
          .row = [](const Json& port) -> std::vector<std::string> {
            return {Text(port, "name"),
                    Text(port, "role"),
                    Text(port, "driver"),
                    Text(port, "mtu_bytes"),
                    Number(port, "vlan_id") == 0 ? "" : Text(port, "vlan_id"),
                    Speed(port),
                    Text(port, "receive_queues"),
                    Amount(port, "received_frames"),
                    Amount(port, "transmitted_frames"),
                    Amount(port, "dropped_frames"),
                    MainReason(port),
                    Count(LostFrames(port)),
                    StateOf(port)};
          }};
}

ListView WorkerView() {
  return {.table = Table({{"LCORE", kRight},
                          {"QUEUES", kRight},
                          {"BUSY", kRight},
                          {"RECEIVED", kRight},
                          {"SENT", kRight},
                          {"DROPPED", kRight},
                          {"CYCLES/FRAME", kRight},
                          {"SLEEPS", kRight},
                          {"ARP ANSWERS", kRight},
                          {"ICMP ERRORS", kRight},
                          {"EVENTS LOST", kRight}}),
          .row = [](const Json& worker) -> std::vector<std::string> {
            return {Text(worker, "lcore"),
                    Amount(worker, "queues"),
                    absl::StrFormat("%.1f %%", Real(worker, "busy_percent")),
                    Amount(worker, "received_frames"),
                    Amount(worker, "transmitted_frames"),
                    Amount(worker, "dropped_frames"),
                    Amount(worker, "cycles_per_frame"),
                    Amount(worker, "sleeps"),
                    Amount(worker, "arp_answers"),
                    Amount(worker, "icmp_errors"),
                    Amount(worker, "events_lost")};
          }};
}

ListView DropView(bool all) {
  return {
      .table = Table({{"REASON"}, {"FRAMES", kRight}, {"LAST PORTS"}, {"LAST PODS"}, {"MEANING"}}),
      .row = [](const Json& drop) -> std::vector<std::string> {
        return {Text(drop, "name"), Amount(drop, "frames"), Text(drop, "last_ports"),
                Text(drop, "last_pods"), Text(drop, "help")};
      },
      .is_shown = [=](const Json& drop) { return all || Number(drop, "frames") > 0; }};
}

std::string Decimal(const Json& object, std::string_view key) {
  return absl::StrFormat("%.1f", Real(object, key));
}

ListView StageView() {
  return {.table = Table({{"STAGE"},
                          {"FRAMES", kRight},
                          {"FRAMES/BURST", kRight},
                          {"CYCLES/FRAME", kRight},
                          {"WHAT IT DOES"}}),
          .row = [](const Json& stage) -> std::vector<std::string> {
            return {Text(stage, "name"), Amount(stage, "frames"),
                    Decimal(stage, "frames_per_burst"), Decimal(stage, "cycles_per_frame"),
                    Text(stage, "help")};
          }};
}

absl::Status ShowLatency(Context* context) {
  const absl::StatusOr<Json> report = context->client->Get("/v1/latency");
  if (!report.ok()) return report.status();
  if (context->json) {
    PrintJson(*report, context);
    return absl::OkStatus();
  }
  Table table({{"LCORE", kRight},
               {"SAMPLES", kRight},
               {"MEAN", kRight},
               {"50 %", kRight},
               {"90 %", kRight},
               {"99 %", kRight},
               {"99.9 %", kRight},
               {"MOST", kRight}});
  const auto add = [&](const std::string& lcore, const Json& latency) {
    std::vector<std::string> row = {lcore, Amount(latency, "samples")};
    for (const char* key : {"mean_us", "p50_us", "p90_us", "p99_us", "p999_us", "max_us"}) {
      row.push_back(
          Number(latency, "samples") == 0 ? "" : absl::StrFormat("%.2f us", Real(latency, key)));
    }
    table.Add(std::move(row));
  };
  const Json& items = Field(*report, "items");
  for (const Json& item : items) add(Text(item, "lcore"), item);
  if (items.size() > 1) add("all", Field(*report, "all"));
  table.Write(context->out);
  return absl::OkStatus();
}

void AddReport(CLI::App* app, const std::string& name, const std::string& help,
               const std::string& footer, ListView (*view)(), Action* chosen) {
  CLI::App* const command = app->add_subcommand(name, help);
  command->footer(footer);
  command->callback([=] {
    *chosen = [=](Context* context) {
      return ShowList(absl::StrCat("/v1/", name), view(), context);
    };
  });
}

}  // namespace

void AddReportCommands(CLI::App* app, Action* chosen) {
  AddReport(app, "ports", "Ports: what they are, whether they are up, and their frames",
            "RECEIVED, SENT and DROPPED are frames, seen from podwarp, the last MOSTLY FOR that\n"
            "reason; LOST are those that the device lost by itself, for lack of room or as\n"
            "damaged.\n\n"
            "Examples:\n"
            "  podwarpctl ports\n"
            "  podwarpctl ports -o json | jq '.[] | {name, up, why_down}'",
            PortView, chosen);
  AddReport(app, "workers", "Workers: their load, frames and cycles",
            "BUSY is the share of cycles in which there were frames, since the start; `top` shows\n"
            "that of the last second.\n\n"
            "Examples:\n"
            "  podwarpctl workers\n"
            "  podwarpctl workers -o json",
            WorkerView, chosen);

  CLI::App* const drops = app->add_subcommand("drops", "Dropped frames, by reason");
  const auto all = std::make_shared<bool>(false);
  drops->add_flag("--all", *all, "reasons without a frame too");
  drops->footer(
      "LAST PORTS is where each worker last dropped a frame for that reason, LAST PODS who is\n"
      "behind these ports; 'host' is the node itself.\n\n"
      "Examples:\n"
      "  podwarpctl drops\n"
      "  podwarpctl drops --all -o json");
  drops->callback([=] {
    *chosen = [=](Context* context) { return ShowList("/v1/drops", DropView(*all), context); };
  });

  CLI::App* const stages =
      app->add_subcommand("stages", "What each stage of a frame's way costs, by samples");
  const auto lcore = std::make_shared<uint32_t>(0);
  stages->add_option("--lcore", *lcore, "of one worker; else of all")->type_name("LCORE");
  stages->footer(
      "FRAMES are those that were measured, of one burst in 64.\n\n"
      "Examples:\n"
      "  podwarpctl stages\n"
      "  podwarpctl stages --lcore 1 -o json");
  stages->callback([=] {
    *chosen = [=](Context* context) {
      const std::string which = *lcore == 0 ? "" : absl::StrCat("?lcore=", *lcore);
      return ShowList(absl::StrCat("/v1/stages", which), StageView(), context);
    };
  });

  CLI::App* const latency =
      app->add_subcommand("latency", "How long frames take from receive to transmit, by samples");
  latency->footer(
      "50 % of frames took at most as long as that column says, and so on; an eighth too much at\n"
      "most. Of one frame in each measured burst, since the start.\n\n"
      "Examples:\n"
      "  podwarpctl latency\n"
      "  podwarpctl latency -o json | jq .all.p99_us");
  latency->callback([=] { *chosen = ShowLatency; });
}

}  // namespace podwarp::ctl
