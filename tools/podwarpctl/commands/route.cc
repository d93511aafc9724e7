// route add, route del
#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "commands/change.h"
#include "commands/names.h"

namespace podwarp::ctl {

void AddRouteCommands(CLI::App* app, Action* chosen) {
  CLI::App* const route = app->add_subcommand("route", "Adds, changes or deletes a route");
  route->require_subcommand(1);
  const auto prefix = std::make_shared<std::string>();
  const auto node = std::make_shared<std::string>();

  CLI::App* const add = route->add_subcommand("add", "Packets to these addresses go to that node");
  add->add_option("prefix", *prefix, "a single address or a range")
      ->required()
      ->type_name("PREFIX");
  add->add_option("node", *node, "the node that the pods run on")->required()->type_name("NODE");
  add->footer(
      "Examples:\n"
      "  podwarpctl route add 10.244.1.77/32 node-b");
  add->callback([=] {
    *chosen = [=](Context* context) {
      return PutObject(absl::StrCat("route ", *prefix), RoutePath(*prefix), {{"node", *node}},
                       context);
    };
  });

  CLI::App* const del = route->add_subcommand("del", "The route is to go");
  del->add_option("prefix", *prefix, "the route's")->required()->type_name("PREFIX");
  del->footer(
      "Examples:\n"
      "  podwarpctl route del 10.244.1.77/32");
  del->callback([=] {
    *chosen = [=](Context* context) {
      return DeleteObject(absl::StrCat("route ", *prefix), RoutePath(*prefix), context);
    };
  });
}

}  // namespace podwarp::ctl
