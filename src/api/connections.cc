#include "api/connections.h"

#include <rte_cycles.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "api/paths.h"
#include "control/config_values.h"
#include "control/near_miss.h"
#include "control/service_values.h"

namespace podwarp {
namespace {

using Json = nlohmann::ordered_json;

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

bool HasAny(const std::vector<Ipv4Address>& addresses, Ipv4Address a, Ipv4Address b) {
  return std::any_of(addresses.begin(), addresses.end(),
                     [&](Ipv4Address address) { return address == a || address == b; });
}

// "default/web-1"; empty if no pod on the node has the address.
std::string PodWith(const Node& node, Ipv4Address address) {
  std::string_view owner = node.owners().OwnerOf(address);
  constexpr std::string_view kPod = "pod ";
  return owner.substr(0, kPod.size()) == kPod ? std::string(owner.substr(kPod.size())) : "";
}

Json EndToJson(Ipv4Address address, Be16 port) {
  Json end = {{"address", address.ToString()}};
  if (port.host() != 0) end["port"] = port.host();
  return end;
}

}  // namespace

absl::StatusOr<ConnectionQuery> ParseConnectionQuery(const ApiParameters& parameters) {
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
         (!service_.has_value() || original.destination == service_) &&
         (!query_.address.has_value() || original.source == query_.address ||
          original.destination == query_.address || backend == query_.address) &&
         (query_.pod.empty() || HasAny(pod_, original.source, backend));
}

absl::StatusOr<bool> ConnectionSearch::Step(const Node& node) {
  if (!query_.pod.empty()) {
    const auto pod = node.pods().find(query_.pod);
    if (pod == node.pods().end()) {
      return absl::NotFoundError(absl::StrCat("there is no pod ", query_.pod, " on this node"));
    }
    pod_ = pod->second.config.addresses;
  }
  const Tables& tables = node.tables();
  const uint32_t now = TickOf(rte_rdtsc());
  const size_t enough = std::min(size_t{query_.limit}, rows_.size() + kListedAtOnce);
  capacity_ = tables.connections.capacity();
  in_use_ = tables.connections.statistics().in_use;
  next_ = tables.connections.ForEach(next_, kLookedAtOnce, [&](const Connection& connection) {
    if (!Matches(connection)) return true;
    const FlowKey& original = connection.original;
    const Service* service = tables.services.Find({.address = original.destination,
                                                   .port = original.destination_port,
                                                   .protocol = original.protocol});
    // A worker may have seen a later moment.
    const auto idle = static_cast<int32_t>(now - connection.last_used.load());
    rows_.push_back({.original = original,
                     .translated = connection.translated,
                     .state = connection.state.load(std::memory_order_relaxed),
                     .idle_ticks = static_cast<uint32_t>(std::max(idle, 0)),
                     .client_pod = PodWith(node, original.source),
                     .backend_pod = PodWith(node, connection.translated.destination),
                     .service = service == nullptr ? "" : service->name});
    return rows_.size() < enough;
  });
  return next_ < capacity_ && rows_.size() < query_.limit;
}

Json ConnectionSearch::Take() && {
  const double seconds_per_tick =
      static_cast<double>(uint64_t{1} << kTickShift) / static_cast<double>(rte_get_tsc_hz());
  Json items = Json::array();
  for (const Row& row : rows_) {
    Json client = EndToJson(row.original.source, row.original.source_port);
    if (!row.client_pod.empty()) client["pod"] = row.client_pod;
    Json service = EndToJson(row.original.destination, row.original.destination_port);
    if (!row.service.empty()) service["name"] = row.service;
    Json backend = EndToJson(row.translated.destination, row.translated.destination_port);
    if (!row.backend_pod.empty()) backend["pod"] = row.backend_pod;
    items.push_back({{"protocol", ProtocolWord(row.original.protocol)},
                     {"client", std::move(client)},
                     {"service", std::move(service)},
                     {"backend", std::move(backend)},
                     {"state", query_.is_affinity ? kAffinity : ToString(row.state)},
                     {"idle_seconds", std::round(row.idle_ticks * seconds_per_tick * 10) / 10}});
  }
  Json answer = Json::object();
  answer["items"] = std::move(items);
  answer["next"] = next_ < capacity_ ? Json(next_) : Json(nullptr);
  answer["in_use"] = in_use_;
  answer["capacity"] = capacity_;
  return answer;
}

}  // namespace podwarp
