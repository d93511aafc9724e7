// service add, service del
#include <CLI/CLI.hpp>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "commands/change.h"
#include "commands/names.h"

namespace podwarp::ctl {
namespace {

struct ServiceOptions {
  std::string name;
  std::string address;
  std::string port;
  std::vector<std::string> backends;
  std::optional<std::string> affinity;
  std::optional<unsigned> node_port;
  std::vector<std::string> external_addresses;
  std::vector<std::string> source_ranges;
  std::optional<std::string> internal_traffic;
  std::optional<std::string> external_traffic;
};

absl::StatusOr<unsigned> PortNumber(const std::string& text) {
  unsigned number;
  if (absl::SimpleAtoi(text, &number)) return number;
  return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not a port's number"));
}

// Of "10.244.1.10:8080@node-a", where port and node may be missing.
absl::StatusOr<Json> BackendOf(const std::string& text) {
  const std::vector<std::string> places = absl::StrSplit(text, absl::MaxSplits('@', 1));
  const std::vector<std::string> parts = absl::StrSplit(places[0], absl::MaxSplits(':', 1));
  Json backend = {{"address", parts[0]}};
  if (parts.size() == 2) {
    const absl::StatusOr<unsigned> port = PortNumber(parts[1]);
    if (!port.ok()) return port.status();
    backend["port"] = *port;
  }
  if (places.size() == 2) backend["node"] = places[1];
  return backend;
}

// What the API checks is not checked here.
absl::StatusOr<Json> ToJson(const ServiceOptions& service) {
  const std::vector<std::string> parts = absl::StrSplit(service.port, absl::MaxSplits('/', 1));
  const absl::StatusOr<unsigned> number = PortNumber(parts[0]);
  if (!number.ok()) return number.status();
  Json port = {{"port", *number}};
  if (parts.size() == 2) port["protocol"] = parts[1];
  if (service.node_port.has_value()) port["node_port"] = *service.node_port;
  port["backends"] = Json::array();
  for (const std::string& text : service.backends) {
    absl::StatusOr<Json> backend = BackendOf(text);
    if (!backend.ok()) return backend.status();
    port["backends"].push_back(*std::move(backend));
  }
  Json json = {{"address", service.address}};
  if (service.affinity.has_value()) json["session_affinity"] = *service.affinity;
  const auto add_list = [&](const char* key, const std::vector<std::string>& texts) {
    if (!texts.empty()) json[key] = texts;
  };
  add_list("external_addresses", service.external_addresses);
  add_list("source_ranges", service.source_ranges);
  if (service.internal_traffic.has_value()) json["internal_traffic"] = *service.internal_traffic;
  if (service.external_traffic.has_value()) json["external_traffic"] = *service.external_traffic;
  json["ports"] = Json::array({std::move(port)});
  return json;
}

absl::Status AddService(const ServiceOptions& service, Context* context) {
  const absl::StatusOr<Json> json = ToJson(service);
  if (!json.ok()) return json.status();
  return PutObject(absl::StrCat("service ", FullName(service.name)), ServicePath(service.name),
                   *json, context);
}

void AddOptions(CLI::App* add, ServiceOptions* service) {
  add->add_option("name", service->name, "the service; without a namespace it is in default")
      ->required()
      ->type_name("[NAMESPACE/]NAME");
  add->add_option("--ip", service->address, "its address, of service_ranges")
      ->required()
      ->type_name("IP");
  add->add_option("--port", service->port, "its port; the protocol is tcp, udp or sctp")
      ->required()
      ->type_name("PORT[/PROTOCOL]");
  add->add_option("--backend", service->backends, "who serves it; default: nobody")
      ->delimiter(',')
      ->type_name("IP[:PORT][@NODE][,...]")
      ->allow_extra_args(false);
  add->add_option("--affinity", service->affinity, "how long a client keeps its backend")
      ->type_name("DURATION");
  add->add_option("--node-port", service->node_port, "of the node's own addresses; default: none")
      ->type_name("PORT");
  CLI::Option* const external =
      add->add_option("--external", service->external_addresses,
                      "further addresses, for callers from the wire; default: none")
          ->delimiter(',')
          ->type_name("IP[,IP]")
          ->allow_extra_args(false);
  add->add_option("--source-range", service->source_ranges,
                  "who of the callers from the wire may use --external; default: all")
      ->delimiter(',')
      ->type_name("PREFIX[,PREFIX]")
      ->allow_extra_args(false)
      ->needs(external);
  add->add_option("--internal-traffic", service->internal_traffic,
                  "local: calls to --ip go to backends on the node they came to; default: cluster")
      ->type_name("cluster|local");
  add->add_option("--external-traffic", service->external_traffic,
                  "the same for calls from the wire; default: cluster")
      ->type_name("cluster|local");
  add->footer(
      "Sets the whole service: backends that aren't named are none of its any more. One with\n"
      "several ports, or with terminating backends, is set by `podwarpctl apply`.\n\n"
      "Examples:\n"
      "  podwarpctl service add web --ip 10.96.0.10 --port 80 \\\n"
      "      --backend 10.244.1.10:8080,10.244.2.10:8080 --affinity 3h\n"
      "  podwarpctl service add kube-system/dns --ip 10.96.0.53 --port 53/udp \\\n"
      "      --backend 10.244.1.53 --backend 10.244.2.53\n"
      "  podwarpctl service add shop/front --ip 10.96.0.80 --port 443 --node-port 30443 \\\n"
      "      --external 203.0.113.10 --source-range 192.0.2.0/24 --external-traffic local \\\n"
      "      --backend 10.244.1.10@node-a,10.244.2.10@node-b");
}

}  // namespace

void AddServiceCommands(CLI::App* app, Action* chosen) {
  CLI::App* const service = app->add_subcommand("service", "Adds, changes or deletes a service");
  service->require_subcommand(1);

  CLI::App* const add = service->add_subcommand("add", "The service is to be there, as said");
  const auto options = std::make_shared<ServiceOptions>();
  AddOptions(add, options.get());
  add->callback([=] { *chosen = [=](Context* context) { return AddService(*options, context); }; });

  CLI::App* const del = service->add_subcommand("del", "The service is to go");
  const auto name = std::make_shared<std::string>();
  del->add_option("name", *name, "the service")->required()->type_name("[NAMESPACE/]NAME");
  del->footer(
      "Examples:\n"
      "  podwarpctl service del web\n"
      "  podwarpctl service del kube-system/dns");
  del->callback([=] {
    *chosen = [=](Context* context) {
      return DeleteObject(absl::StrCat("service ", FullName(*name)), ServicePath(*name), context);
    };
  });
}

}  // namespace podwarp::ctl
