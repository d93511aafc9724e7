#include "observe/service_text.h"

#include "absl/strings/str_cat.h"
#include "podwarp/table/service_table.h"

namespace podwarp {
namespace {

Endpoint SourceOf(const FlowKey& flow) {
  return {.address = flow.source, .port = flow.source_port, .protocol = flow.protocol};
}
Endpoint DestinationOf(const FlowKey& flow) {
  return {.address = flow.destination, .port = flow.destination_port, .protocol = flow.protocol};
}

// ICMP, and later fragments, have no ports.
std::string EndpointText(const Endpoint& endpoint) {
  const std::string address = endpoint.address.ToString();
  return endpoint.port.host() == 0 ? address : absl::StrCat(address, ":", endpoint.port.host());
}

std::string ServiceText(const Endpoint& endpoint, const Node& node) {
  const Service* service = node.tables().services.Find(endpoint);
  return absl::StrCat("service ", service == nullptr ? EndpointText(endpoint) : service->name);
}

}  // namespace

std::string TranslationText(const FlowKey& before, const FlowKey& after, const Node& node) {
  const bool has_moved_source = SourceOf(before) != SourceOf(after);
  const bool has_moved_destination = DestinationOf(before) != DestinationOf(after);
  // Of a call the destination always is another one, of an answer the source. Where both are,
  // because podwarp stands in for the caller, it depends on which of them is a service's.
  const ServiceTable& services = node.tables().services;
  const bool is_call = has_moved_destination &&
                       (!has_moved_source || services.Find(DestinationOf(before)) != nullptr ||
                        services.Find(SourceOf(after)) == nullptr);
  if (is_call) {
    return absl::StrCat(
        ServiceText(DestinationOf(before), node), " -> backend ",
        EndpointText(DestinationOf(after)),
        has_moved_source ? absl::StrCat(", as from ", EndpointText(SourceOf(after))) : "");
  }
  return absl::StrCat(
      "answer of backend ", EndpointText(SourceOf(before)), ", from ",
      ServiceText(SourceOf(after), node), " now",
      has_moved_destination ? absl::StrCat(", to ", EndpointText(DestinationOf(after))) : "");
}

}  // namespace podwarp
