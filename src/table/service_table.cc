#include "podwarp/table/service_table.h"

#include <glog/logging.h>

#include <algorithm>
#include <bit>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

namespace podwarp {
namespace {

constexpr size_t kFewestSlots = 64;
constexpr uint32_t kMaxGeneration = (uint32_t{1} << 30) - 1;

// Stands where a service was.
const Service kMark{};

std::string ToText(const Endpoint& endpoint) {
  return absl::StrCat(endpoint.address.ToString(), ":", endpoint.port.host(), ", protocol ",
                      endpoint.protocol);
}

Endpoint EndpointOf(const ServiceTable::ServiceSpec& spec,
                    const ServiceTable::BackendSpec& backend) {
  return {.address = backend.address, .port = backend.port, .protocol = spec.endpoint.protocol};
}

void SpreadOver(BackendChoice* choice) {
  std::vector<uint64_t> seeds;
  for (const BackendChoice::Backend& backend : choice->ready) {
    seeds.push_back(backend.endpoint.word());
  }
  choice->ring = MaglevRing(seeds);
}

}  // namespace

bool BackendChoice::Has(BackendId id) const {
  return std::any_of(ready.begin(), ready.end(),
                     [id](const Backend& backend) { return backend.id == id; });
}

static_assert(std::atomic<uint32_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t));

// Open addressing with linear probing. At most half of the slots were ever used, so that a search
// is short, and ends. A service that goes leaves a mark, for searches to go on over it; the slot is
// not used again, so that it is one endpoint's throughout.
struct ServiceTable::Index {
  using Slot = std::atomic<const Service*>;

  explicit Index(size_t slot_count)
      : shift(64 - std::countr_zero(slot_count)),
        mask(slot_count - 1),
        slots(new Slot[slot_count]()) {}

  struct Found {
    Slot* slot;              // an empty one if there is no such service
    const Service* service;  // nullptr then
  };
  Found Find(const Endpoint& endpoint) const {
    for (size_t i = endpoint.word() * 0x9e3779b97f4a7c15 >> shift;; i = (i + 1) & mask) {
      const Service* service = slots[i].load(std::memory_order_acquire);
      if (service == nullptr || (service != &kMark && service->endpoint == endpoint)) {
        return {&slots[i], service};
      }
    }
  }

  const int shift;
  const size_t mask;
  const std::unique_ptr<Slot[]> slots;
  mutable size_t used = 0;  // marks among them; the writer's own
};

ServiceTable::ServiceTable(Rcu* rcu)
    : rcu_(rcu),
      memory_(kMaxBackends * sizeof(uint32_t)),
      backends_(static_cast<std::atomic<uint32_t>*>(memory_.data())),
      index_(new Index(kFewestSlots)),
      filter_(rcu) {}

ServiceTable::~ServiceTable() {
  rcu_->Synchronize();
  for (const auto& [endpoint, entry] : entries_) delete entry.service;
  delete index_.load();
}

const Service* ServiceTable::Find(const Endpoint& endpoint) const {
  return index_.load(std::memory_order_acquire)->Find(endpoint).service;
}

absl::Status ServiceTable::Check(std::span<const ServiceSpec> specs) const {
  size_t coming = 0;
  for (const ServiceSpec& spec : specs) {
    if (spec.backends.size() > MaglevRing::kMaxBackends) {
      return absl::ResourceExhaustedError(
          absl::StrCat("service ", spec.name, ": ", spec.backends.size(),
                       " backends; a service can have ", MaglevRing::kMaxBackends));
    }
    const auto entry = entries_.find(spec.endpoint);
    absl::flat_hash_set<Endpoint> all;
    for (const BackendSpec& backend : spec.backends) {
      const Endpoint endpoint = EndpointOf(spec, backend);
      if (!all.insert(endpoint).second) {
        return absl::InvalidArgumentError(absl::StrCat("service ", spec.name, ": backend ",
                                                       backend.address.ToString(), ":",
                                                       backend.port.host(), " is there twice"));
      }
      if (entry == entries_.end() || !entry->second.backends.contains(endpoint)) ++coming;
    }
    if (coming > kMaxBackends - backends_in_use_) {
      return absl::ResourceExhaustedError(
          absl::StrCat("service ", spec.name, ": no room for ", coming, " more backends; all ",
                       "services together have ", backends_in_use_, " of ", kMaxBackends));
    }
  }
  return absl::OkStatus();
}

absl::Status ServiceTable::Set(const ServiceSpec& spec) {
  if (absl::Status status = Check({&spec, 1}); !status.ok()) return status;
  static const Backends kNobody;
  const auto entry = entries_.find(spec.endpoint);
  const Backends& before = entry == entries_.end() ? kNobody : entry->second.backends;
  Backends after;
  auto service = std::make_unique<Service>();
  service->name = spec.name;
  service->endpoint = spec.endpoint;
  service->affinity_ticks = spec.affinity_ticks;
  service->inside = spec.inside;
  service->outside = spec.outside;
  service->source_ranges = spec.source_ranges;
  const bool has_local =
      spec.inside == BackendScope::kLocal || spec.outside == BackendScope::kLocal;
  for (const BackendSpec& backend : spec.backends) {
    const Endpoint endpoint = EndpointOf(spec, backend);
    const auto known = before.find(endpoint);
    const BackendId id = known == before.end() ? NewBackend(endpoint) : known->second;
    after[endpoint] = id;
    SetState(id, backend.is_terminating ? BackendState::kTerminating : BackendState::kReady);
    if (backend.is_terminating) continue;
    service->all.ready.push_back({endpoint, id});
    if (has_local && backend.is_local) service->local.ready.push_back({endpoint, id});
  }
  SpreadOver(&service->all);
  SpreadOver(&service->local);
  Publish(service.get());
  for (const auto& [endpoint, id] : before) {
    if (!after.contains(endpoint)) EndBackend(endpoint, id);
  }
  entries_[spec.endpoint] = {service.release(), std::move(after)};
  return absl::OkStatus();
}

absl::Status ServiceTable::Remove(const Endpoint& endpoint) {
  const auto entry = entries_.find(endpoint);
  if (entry == entries_.end()) {
    return absl::NotFoundError(absl::StrCat("there is no service at ", ToText(endpoint)));
  }
  const auto [service, backends] = std::move(entry->second);
  entries_.erase(entry);
  if (entries_.empty()) any_.store(false, std::memory_order_relaxed);
  index_.load()->Find(endpoint).slot->store(&kMark, std::memory_order_release);
  rcu_->RetireObject(service);
  for (const auto& [backend, id] : backends) EndBackend(backend, id);
  return absl::OkStatus();
}

void ServiceTable::Publish(const Service* service) {
  Index::Found found = index_.load()->Find(service->endpoint);
  const Service* const before = found.service;
  if (before == nullptr) {
    if (const Index& index = *index_.load(); (index.used + 1) * 2 > index.mask + 1) Rebuild();
    found = index_.load()->Find(service->endpoint);
    ++index_.load()->used;
  }
  found.slot->store(service, std::memory_order_release);
  any_.store(true, std::memory_order_relaxed);
  // Not earlier: readers could find it after its grace period had begun.
  if (before != nullptr) rcu_->RetireObject(before);
}

// An index without marks, with room for as many services again.
void ServiceTable::Rebuild() {
  const Index* old = index_.load();
  const auto* index = new Index(std::max(kFewestSlots, std::bit_ceil((entries_.size() + 1) * 4)));
  for (const auto& [endpoint, entry] : entries_) {
    index->Find(endpoint).slot->store(entry.service, std::memory_order_relaxed);
    ++index->used;
  }
  index_.store(index, std::memory_order_release);
  rcu_->RetireObject(old);
}

// A number's new generation is of no state until one is set.
BackendId ServiceTable::NewBackend(const Endpoint& endpoint) {
  uint32_t number;
  if (free_numbers_.empty()) {
    number = next_number_++;
  } else {
    number = free_numbers_.back();
    free_numbers_.pop_back();
  }
  ++backends_in_use_;
  filter_.Add(endpoint.word());
  const uint32_t last = backends_[number].load(std::memory_order_relaxed) >> 2;
  return {.number = number, .generation = last == kMaxGeneration ? 1 : last + 1};
}

void ServiceTable::EndBackend(const Endpoint& endpoint, BackendId id) {
  SetState(id, BackendState::kGone);
  filter_.Remove(endpoint.word());
  free_numbers_.push_back(id.number);
  --backends_in_use_;
}

void ServiceTable::SetState(BackendId id, BackendState state) {
  backends_[id.number].store(id.generation << 2 | static_cast<uint32_t>(state),
                             std::memory_order_release);
}

}  // namespace podwarp
