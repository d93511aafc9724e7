#include "kubernetes/cluster_services.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "kubernetes/meaning.h"

namespace podwarp {

ClusterServices::ClusterServices(const Config* settings, const ClusterNodes* nodes)
    : settings_(*settings),
      nodes_(*nodes),
      services_([this](const auto&... change) { ServiceChanged(change...); }),
      slices_([this](const auto&... change) { SliceChanged(change...); }) {}

void ClusterServices::MarkDirty(const std::string& service) {
  if (services_.Find(service) != nullptr || given_.contains(service)) {
    dirty_.insert(service);
  } else {  // one that came and went unseen leaves nothing
    dirty_.erase(service);
    sentences_.erase(service);
  }
}

void ClusterServices::ServiceChanged(const std::string& key, const KubeService* before,
                                     const KubeService* after) {
  MarkDirty(key);
  for (const auto& [service, is_there] : {std::pair(before, false), std::pair(after, true)}) {
    if (service == nullptr) continue;
    for (const Ipv4Address address : service->external_addresses) {
      auto& wanting = wanted_[address];
      if (is_there) {
        wanting.emplace(service->created, key);
      } else {
        wanting.erase({service->created, key});
      }
      Recheck(address);
      if (wanting.empty()) wanted_.erase(address);
    }
  }
}

void ClusterServices::SliceChanged(const std::string& key, const KubeSlice* before,
                                   const KubeSlice* after) {
  if (before != nullptr && !before->service.empty()) {
    const auto slices = slices_of_.find(before->service);
    slices->second.erase(key);
    if (slices->second.empty()) slices_of_.erase(slices);
    MarkDirty(before->service);
  }
  if (after != nullptr && !after->service.empty()) {
    slices_of_[after->service].insert(key);
    MarkDirty(after->service);
  }
}

void ClusterServices::SetZone(const std::string& zone) {
  if (zone == zone_) return;
  zone_ = zone;
  services_.ForEach([this](const std::string& key, const KubeService&) { dirty_.insert(key); });
}

void ClusterServices::Recheck(Ipv4Address external_address) {
  const auto wanting = wanted_.find(external_address);
  if (wanting == wanted_.end()) return;
  for (const auto& [created, key] : wanting->second) MarkDirty(key);
}

void ClusterServices::LeaveTakenAddresses(const std::string& key, ServiceConfig* service,
                                          std::vector<std::string>* sentences) const {
  std::erase_if(service->external_addresses, [&](Ipv4Address address) {
    const std::string node = nodes_.AtUnderlay(address);
    const auto wanting = wanted_.find(address);
    std::string holder;
    if (!node.empty()) {
      holder = absl::StrCat("node ", node);
    } else if (wanting != wanted_.end() && wanting->second.begin()->second != key) {
      holder = absl::StrCat("service ", wanting->second.begin()->second);
    }
    if (holder.empty()) return false;
    sentences->push_back(absl::StrCat("service ", key, ": external address ", address.ToString(),
                                      " is not served: ", holder, " has it"));
    return true;
  });
  if (service->external_addresses.empty()) service->source_ranges.clear();
}

std::optional<ServiceConfig> ClusterServices::Understand(const std::string& key) {
  ServiceMeaning meaning;
  if (const KubeService* service = services_.Find(key)) {
    std::vector<const KubeSlice*> slices;
    const auto keys = slices_of_.find(key);
    if (keys != slices_of_.end()) {
      for (const std::string& slice : keys->second) slices.push_back(slices_.Find(slice));
    }
    meaning = MeaningOf(settings_, key, *service, slices, zone_);
    if (meaning.service.has_value()) {
      LeaveTakenAddresses(key, &*meaning.service, &meaning.sentences);
    }
  }
  if (meaning.sentences.empty()) {
    sentences_.erase(key);
  } else {
    sentences_[key] = std::move(meaning.sentences);
  }
  return std::move(meaning.service);
}

ClusterServices::Taken ClusterServices::Take() {
  std::vector<std::string> keys(dirty_.begin(), dirty_.end());
  std::sort(keys.begin(), keys.end());
  dirty_.clear();
  Taken taken;
  for (const std::string& key : keys) {
    std::optional<ServiceConfig> after = Understand(key);
    const auto given = given_.find(key);
    if (!after.has_value()) {
      if (given == given_.end()) continue;
      given_.erase(given);
      taken.gone.push_back({ObjectKind::kService, key, std::nullopt});
    } else if (given == given_.end() || given->second != *after) {
      given_[key] = *after;
      taken.here.push_back({ObjectKind::kService, key, *std::move(after)});
    }
  }
  return taken;
}

}  // namespace podwarp
