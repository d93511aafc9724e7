// pods, nodes, routes, arp
#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "commands/command.h"
#include "text/fields.h"
#include "text/numbers.h"

namespace podwarp::ctl {
namespace {

constexpr auto kRight = Align::kRight;
// As many as the API gives at once.
constexpr char kPageParameter[] = "?limit=10000";

// The kind of a pod's port, as the command line calls it.
std::string PortKind(const Json& object) {
  const Json& port = Field(object, "port");
  if (!port.is_object() || port.empty()) return "";
  const std::string kind = port.begin().key();
  if (kind == "tap") return absl::StrCat("tap ", Text(port["tap"], "interface"));
  if (kind != "vhost_user") return kind;
  return absl::StrCat("vhost-user ", Text(port["vhost_user"], "mode"));
}

ListView PodView() {
  return {.table = Table({{"POD"},
                          {"ADDRESSES"},
                          {"MAC"},
                          {"PORT"},
                          {"FROM"},
                          {"RECEIVED", kRight},
                          {"SENT", kRight},
                          {"DROPPED", kRight},
                          {"MOSTLY FOR"},
                          {"CONFLICTS", kRight},
                          {"SEEN", kRight},
                          {"STATE"}}),
          .row = [](const Json& item) -> std::vector<std::string> {
            const Json& object = Field(item, "object");
            const Json& status = Field(item, "status");
            const bool was_seen = !Field(status, "seconds_since_seen").is_null();
            return {Text(item, "key"),
                    Text(object, "addresses"),
                    Text(object, "mac"),
                    PortKind(object),
                    Text(item, "origin"),
                    Amount(status, "received_frames"),
                    Amount(status, "transmitted_frames"),
                    Amount(status, "dropped_frames"),
                    MainReason(status),
                    Amount(status, "conflicts"),
                    was_seen ? Span(Number(status, "seconds_since_seen")) : "",
                    StateOf(status)};
          }};
}

std::string NodeState(const Json& status) {
  const std::string shadowed = StateOf(status);
  if (!shadowed.empty()) return shadowed;
  const std::string why = Text(status, "why_no_mac");
  const std::string state = Text(status, "neighbor_state");
  return why.empty() ? state : absl::StrCat(state, ": ", why);
}

ListView NodeView() {
  return {
      .table =
          Table({{"NODE"}, {"POD RANGES"}, {"UNDERLAY"}, {"UPLINK"}, {"MAC"}, {"FROM"}, {"STATE"}}),
      .row = [](const Json& item) -> std::vector<std::string> {
        const Json& object = Field(item, "object");
        const Json& status = Field(item, "status");
        return {
            Text(item, "key"),      Text(object, "pod_ranges"), Text(object, "underlay_address"),
            Text(object, "uplink"), Text(status, "mac"),        Text(item, "origin"),
            NodeState(status)};
      }};
}

ListView RouteView() {
  return {.table = Table({{"PREFIX"}, {"NODE"}, {"FROM"}, {"STATE"}}),
          .row = [](const Json& item) -> std::vector<std::string> {
            return {Text(item, "key"), Text(Field(item, "object"), "node"), Text(item, "origin"),
                    StateOf(Field(item, "status"))};
          }};
}

ListView ArpView() {
  return {
      .table = Table({{"ADDRESS"}, {"OWNER"}, {"KIND"}, {"ANSWERED WITH"}, {"NEXT HOP"}, {"PORT"}}),
      .row = [](const Json& item) -> std::vector<std::string> {
        return {Text(item, "address"),      Text(item, "owner"),
                Text(item, "kind"),         Text(item, "answered_with"),
                Text(item, "next_hop_mac"), Text(item, "next_hop_port")};
      }};
}

absl::Status ShowAddress(const std::string& address, Context* context) {
  const absl::StatusOr<Json> answer =
      context->client->Get(absl::StrCat("/v1/arp?address=", InPath(address)));
  if (!answer.ok()) return answer.status();
  if (context->json) {
    PrintJson(*answer, context);
    return absl::OkStatus();
  }
  ListView view = ArpView();
  view.table.Add(view.row(*answer));
  view.table.Write(context->out);
  return absl::OkStatus();
}

void AddList(CLI::App* app, const std::string& name, const std::string& help,
             const std::string& footer, ListView (*view)(), Action* chosen) {
  CLI::App* const command = app->add_subcommand(name, help);
  command->footer(footer);
  command->callback([=] {
    *chosen = [=](Context* context) {
      return ShowList(absl::StrCat("/v1/", name, kPageParameter), view(), context);
    };
  });
}

}  // namespace

void AddListCommands(CLI::App* app, Action* chosen) {
  AddList(app, "pods", "The pods on this node",
          "RECEIVED is what podwarp received from the pod, SENT what it sent to it, DROPPED what\n"
          "it dropped of either, MOSTLY FOR that reason, in frames; `-o json` has all reasons.\n"
          "FROM is where the pod was set: in the configuration file, or through the API.\n\n"
          "Examples:\n"
          "  podwarpctl pods\n"
          "  podwarpctl pods -o json | jq -r '.[] | select(.status.up | not) | .key'",
          PodView, chosen);
  AddList(app, "nodes", "The other nodes, and whether their MACs are known",
          "Examples:\n"
          "  podwarpctl nodes\n"
          "  podwarpctl nodes -o json",
          NodeView, chosen);
  AddList(app, "routes", "Routes to pods that run elsewhere than their address says",
          "Examples:\n"
          "  podwarpctl routes\n"
          "  podwarpctl routes -o json | jq length",
          RouteView, chosen);

  CLI::App* const arp = app->add_subcommand("arp", "Who has which address, and what ARP answers");
  const auto address = std::make_shared<std::string>();
  arp->add_option("address", *address, "only this address")->type_name("IP");
  arp->footer(
      "ANSWERED WITH is the MAC that a pod which asks is told; '-' is silence.\n"
      "NEXT HOP and PORT are where a packet to that address then goes.\n\n"
      "Examples:\n"
      "  podwarpctl arp\n"
      "  podwarpctl arp 10.244.1.10");
  arp->callback([=] {
    *chosen = [=](Context* context) {
      if (!address->empty()) return ShowAddress(*address, context);
      return ShowList(absl::StrCat("/v1/arp", kPageParameter), ArpView(), context);
    };
  });
}

}  // namespace podwarp::ctl
