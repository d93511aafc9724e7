// services, connections
#include <CLI/CLI.hpp>
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "commands/command.h"
#include "commands/names.h"
#include "text/fields.h"
#include "text/numbers.h"

namespace podwarp::ctl {
namespace {

constexpr uint64_t kLongestPage = 10'000;  // that the API gives at once

// "http:80/tcp", "80/tcp"
std::string PortText(const Json& port) {
  const std::string name = Text(port, "name");
  return absl::StrCat(name, name.empty() ? "" : ":", Text(port, "port"), "/",
                      Text(port, "protocol"));
}

std::string ForEachPort(const Json& service, std::string (*text)(const Json&)) {
  std::vector<std::string> texts;
  for (const Json& port : Field(service, "ports")) texts.push_back(text(port));
  return absl::StrJoin(texts, ",");
}

std::string NodePortText(const Json& port) {
  const std::string number = Text(port, "node_port");
  return number.empty() ? "-" : number;
}

// Of each port, in their order; empty if none has one.
std::string NodePorts(const Json& service) {
  const Json& ports = Field(service, "ports");
  const bool any = std::any_of(ports.begin(), ports.end(),
                               [](const Json& port) { return !Text(port, "node_port").empty(); });
  return any ? ForEachPort(service, NodePortText) : "";
}

// "2/3": two are ready.
std::string ReadyText(const Json& port) {
  const Json& backends = Field(port, "backends");
  const auto ready = std::count_if(backends.begin(), backends.end(), [](const Json& backend) {
    return Text(backend, "state") == "ready";
  });
  return absl::StrCat(ready, "/", backends.size());
}

ListView ServiceView() {
  return {.table = Table({{"SERVICE"},
                          {"ADDRESS"},
                          {"EXTERNAL"},
                          {"PORTS"},
                          {"NODE PORTS"},
                          {"READY/ALL"},
                          {"AFFINITY"},
                          {"FROM"},
                          {"STATE"}}),
          .row = [](const Json& item) -> std::vector<std::string> {
            const Json& object = Field(item, "object");
            return {Text(item, "key"),
                    Text(object, "address"),
                    Text(object, "external_addresses"),
                    ForEachPort(object, PortText),
                    NodePorts(object),
                    ForEachPort(object, ReadyText),
                    Text(object, "session_affinity"),
                    Text(item, "origin"),
                    StateOf(Field(item, "status"))};
          }};
}

// "10.244.1.10:8080"; what clients keep their backends by has no port of theirs.
std::string EndText(const Json& end) {
  const std::string port = Text(end, "port");
  return absl::StrCat(Text(end, "address"), port.empty() ? "" : ":", port);
}

ListView ConnectionView() {
  return {.table = Table({{"PROTOCOL"},
                          {"CLIENT"},
                          {"CLIENT POD"},
                          {"SERVICE"},
                          {"NAME"},
                          {"BACKEND"},
                          {"BACKEND POD"},
                          {"STATE"},
                          {"IDLE", Align::kRight}}),
          .row = [](const Json& item) -> std::vector<std::string> {
            const Json& client = Field(item, "client");
            const Json& service = Field(item, "service");
            const Json& backend = Field(item, "backend");
            return {Text(item, "protocol"),
                    EndText(client),
                    Text(client, "pod"),
                    EndText(service),
                    Text(service, "name"),
                    EndText(backend),
                    Text(backend, "pod"),
                    Text(item, "state"),
                    Span(static_cast<uint64_t>(std::max(Real(item, "idle_seconds"), 0.0)))};
          }};
}

struct ConnectionOptions {
  std::string pod;
  std::string service;
  std::string address;
  std::string state;
  uint64_t limit = 1'000;
};

absl::Status ShowConnections(const ConnectionOptions& options, Context* context) {
  // One more than is shown tells that there are more.
  std::string path =
      absl::StrCat("/v1/connections?limit=", std::min(options.limit + 1, kLongestPage));
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) absl::StrAppend(&path, "&", name, "=", InPath(value));
  };
  add("pod", options.pod.empty() ? "" : FullName(options.pod));
  add("service", options.service.empty() ? "" : FullName(options.service));
  add("address", options.address);
  add("state", options.state);
  ListView view = ConnectionView();
  view.most = options.limit;
  return ShowList(path, std::move(view), context);
}

}  // namespace

void AddServiceListCommands(CLI::App* app, Action* chosen) {
  CLI::App* const services = app->add_subcommand("services", "Services and their backends");
  services->footer(
      "READY/ALL counts the backends of each port: those that get new connections, and all of\n"
      "them. It and NODE PORTS are in the order of PORTS.\n\n"
      "Examples:\n"
      "  podwarpctl services\n"
      "  podwarpctl services -o json | jq -r '.[].object.address'");
  services->callback([=] {
    *chosen = [](Context* context) {
      return ShowList(absl::StrCat("/v1/services?limit=", kLongestPage), ServiceView(), context);
    };
  });

  CLI::App* const connections =
      app->add_subcommand("connections", "Connections to services, in no order");
  const auto options = std::make_shared<ConnectionOptions>();
  connections->add_option("--pod", options->pod, "of this client or backend, a pod of this node")
      ->type_name("[NAMESPACE/]NAME");
  connections->add_option("--service", options->service, "to this service")
      ->type_name("[NAMESPACE/]NAME");
  connections
      ->add_option("--address", options->address, "of this client, service or backend, anywhere")
      ->type_name("IP");
  connections
      ->add_option("--state", options->state,
                   "new, established, closing or closed; affinity: what clients keep their "
                   "backends by")
      ->type_name("STATE");
  connections->add_option("--limit", options->limit, "show so many at most")
      ->type_name("N")
      ->check(CLI::Range(uint64_t{1}, uint64_t{UINT32_MAX}))
      ->capture_default_str();
  connections->footer(
      "IDLE is for how long nothing came by it. There may be millions: name what you look for.\n\n"
      "Examples:\n"
      "  podwarpctl connections --pod web-1\n"
      "  podwarpctl connections --service shop/cart --state new\n"
      "  podwarpctl connections --address 10.244.2.10 --limit 10 -o json");
  connections->callback(
      [=] { *chosen = [=](Context* context) { return ShowConnections(*options, context); }; });
}

}  // namespace podwarp::ctl
