// node add, node del
#include <CLI/CLI.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "commands/change.h"
#include "commands/names.h"

namespace podwarp::ctl {
namespace {

struct NodeOptions {
  std::string name;
  std::vector<std::string> pod_ranges;
  std::optional<std::string> mac;
  std::optional<std::string> underlay;
  std::optional<std::string> uplink;
};

absl::Status AddNode(const NodeOptions& node, Context* context) {
  if (!node.mac.has_value() && !node.underlay.has_value()) {
    return absl::InvalidArgumentError(
        "the node needs --mac, or --underlay to ask for its MAC, or both");
  }
  Json json = {{"pod_ranges", node.pod_ranges}};
  if (node.mac.has_value()) json["virtual_mac"] = *node.mac;
  if (node.underlay.has_value()) json["underlay_address"] = *node.underlay;
  if (node.uplink.has_value()) json["uplink"] = *node.uplink;
  return PutObject(absl::StrCat("node ", node.name), NodePath(node.name), json, context);
}

}  // namespace

void AddNodeCommands(CLI::App* app, Action* chosen) {
  CLI::App* const node = app->add_subcommand("node", "Adds, changes or deletes another node");
  node->require_subcommand(1);

  CLI::App* const add = node->add_subcommand("add", "The node is to be there, as said");
  const auto options = std::make_shared<NodeOptions>();
  add->add_option("name", options->name, "the node")->required()->type_name("NAME");
  add->add_option("--pod-range", options->pod_ranges, "its pods' addresses")
      ->required()
      ->delimiter(',')
      ->type_name("PREFIX[,PREFIX]")
      ->allow_extra_args(false);
  add->add_option("--mac", options->mac, "its virtual MAC")->type_name("MAC");
  add->add_option("--underlay", options->underlay, "its address on the wire")->type_name("IP");
  add->add_option("--uplink", options->uplink, "by which it is reached; default: the first")
      ->type_name("NAME");
  add->footer(
      "Sets the whole node: what isn't named gets its default, also if it is there already.\n\n"
      "Examples:\n"
      "  podwarpctl node add node-b --pod-range 10.244.2.0/24 --underlay 192.168.50.2\n"
      "  podwarpctl node add node-c --pod-range 10.244.3.0/24,10.244.4.0/24 \\\n"
      "      --mac 00-11-22-33-44-77 --uplink uplink1");
  add->callback([=] { *chosen = [=](Context* context) { return AddNode(*options, context); }; });

  CLI::App* const del = node->add_subcommand("del", "The node is to go");
  const auto name = std::make_shared<std::string>();
  del->add_option("name", *name, "the node")->required()->type_name("NAME");
  del->footer(
      "A node that routes lead to can't be deleted: delete these first.\n\n"
      "Examples:\n"
      "  podwarpctl node del node-b");
  del->callback([=] {
    *chosen = [=](Context* context) {
      return DeleteObject(absl::StrCat("node ", *name), NodePath(*name), context);
    };
  });
}

}  // namespace podwarp::ctl
