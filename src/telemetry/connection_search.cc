#include "telemetry/connection_search.h"

#include <rte_cycles.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "control/config_values.h"
#include "control/near_miss.h"
#include "control/service_values.h"

namespace podwarp {
namespace {

constexpr uint32_t kLongestPage = 10'000;
constexpr uint32_t kLookedAtOnce = 65'536;  // places: some 4 MiB
constexpr size_t kListedAtOnce = 256;       // each is looked up three times
constexpr char kAffinity[] = "affinity";
constexpr ConnectionState kStates[] = {ConnectionState::kNew, ConnectionState::kEstablished,
                                       ConnectionState::kClosing, ConnectionState::kClosed};

absl::Status ReadState(const std::string& word, ConnectionQuery* query) {
  query->is_affinity = word == kAffinity;
  if (query->is_affinity) return absl::OkStatus();
  std::vector<std::string> known = {kAffinity};
  for (const ConnectionState state : kStates) {
    if (word == ToString(state)) query->state = state;
    known.emplace_back(ToString(state));
  }
  if (query->state.has_value()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("'", word, "' is not a state", DidYouMean(word, known)));
}

absl::Status ReadParameter(const std::string& name, const std::string& value,
                           ConnectionQuery* query) {
  const auto read = [](auto parsed, auto* into) {
    if (parsed.ok()) *into = *std::move(parsed);
    return parsed.status();
  };
  if (name == "pod") return read(ParseKey(ObjectKind::kPod, value), &query->pod);
  if (name == "service") return read(ParseKey(ObjectKind::kService, value), &query->service);
  if (name == "address") return read(Ipv4Address::Parse(value), &query->address);
  if (name == "state") return ReadState(value, query);
  if (name == "limit") return read(ParseIntegerIn(value, 1, kLongestPage), &query->limit);
  if (name == "start") return read(ParseIntegerIn(value, 0, UINT32_MAX), &query->start);
  return absl::InvalidArgumentError(
      "unknown parameter (known: pod, service, address, state, start, limit)");
}

bool Has(const std::vector<Ipv4Address>& addresses, Ipv4Address address) {
  return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
}

// "default/web-1"; empty if no pod on the node has the address.
std::string PodWith(const Node& node, Ipv4Address address) {
  std::string_view owner = node.owners().OwnerOf(address);
  constexpr std::string_view kPod = "pod ";
  return owner.substr(0, kPod.size()) == kPod ? std::string(owner.substr(kPod.size())) : "";
}

// In tenths. A worker may have seen a later moment than `now`.
double IdleSeconds(uint32_t now, uint32_t last_used) {
  const auto ticks = std::max(static_cast<int32_t>(now - last_used), 0);
  const double seconds_per_tick =
      static_cast<double>(uint64_t{1} << kTickShift) / static_cast<double>(rte_get_tsc_hz());
  return std::round(ticks * seconds_per_tick * 10) / 10;
}

}  // namespace

absl::StatusOr<ConnectionQuery> ParseConnectionQuery(
    const std::multimap<std::string, std::string>& parameters) {
  ConnectionQuery query;
  for (const auto& [name, value] : parameters) {
    const absl::Status status = ReadParameter(name, value, &query);
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(name, ": ", std::string(status.message())));
    }
  }
  return query;
}

bool ConnectionSearch::Matches(const Connection& connection) const {
  const FlowKey& original = connection.original;
  const Ipv4Address backend = connection.translated.destination;
  const ConnectionState state = connection.state.load(std::memory_order_relaxed);
  return (connection.kind == ConnectionKind::kAffinity) == query_.is_affinity &&
         (!query_.state.has_value() || state == query_.state) &&
         (query_.service.empty() || Has(service_, original.destination)) &&
         (!query_.address.has_value() || original.source == query_.address ||
          original.destination == query_.address || backend == query_.address) &&
         (query_.pod.empty() || Has(pod_, original.source) || Has(pod_, backend));
}

absl::Status ConnectionSearch::FindAddresses(const Node& node) {
  if (!query_.pod.empty()) {
    const auto pod = node.pods().find(query_.pod);
    if (pod == node.pods().end()) {
      return absl::NotFoundError(absl::StrCat("there is no pod ", query_.pod, " on this node"));
    }
    pod_ = pod->second.config.addresses;
  }
  if (!query_.service.empty()) {
    const auto service = node.services().find(query_.service);
    if (service == node.services().end()) {
      return absl::NotFoundError(absl::StrCat("there is no service ", query_.service));
    }
    service_ = service->second.external_addresses;
    service_.push_back(service->second.address);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> ConnectionSearch::Step(const Node& node) {
  if (absl::Status status = FindAddresses(node); !status.ok()) return status;
  const Tables& tables = node.tables();
  const uint32_t now = TickOf(rte_rdtsc());
  std::vector<ConnectionReport>& found = page_.connections;
  const size_t enough = std::min(size_t{query_.limit}, found.size() + kListedAtOnce);
  page_.capacity = tables.connections.capacity();
  page_.in_use = tables.connections.statistics().in_use;
  next_ = tables.connections.ForEach(next_, kLookedAtOnce, [&](const Connection& connection) {
    if (!Matches(connection)) return true;
    const FlowKey& original = connection.original;
    const FlowKey& translated = connection.translated;
    const Service* service = tables.services.Find({.address = original.destination,
                                                   .port = original.destination_port,
                                                   .protocol = original.protocol});
    ConnectionReport report;
    report.protocol = original.protocol;
    report.client = {original.source, original.source_port.host(), PodWith(node, original.source)};
    report.service = {original.destination, original.destination_port.host(),
                      service == nullptr ? "" : service->name};
    report.backend = {translated.destination, translated.destination_port.host(),
                      PodWith(node, translated.destination)};
    report.state =
        query_.is_affinity ? kAffinity : ToString(connection.state.load(std::memory_order_relaxed));
    report.idle_seconds = IdleSeconds(now, connection.last_used.load());
    found.push_back(std::move(report));
    return found.size() < enough;
  });
  return next_ < page_.capacity && found.size() < query_.limit;
}

ConnectionPage ConnectionSearch::Take() && {
  if (next_ < page_.capacity) page_.next = next_;
  return std::move(page_);
}

}  // namespace podwarp
