#include "kubernetes/cluster_state.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace podwarp {
namespace {

void Append(std::vector<Edit> from, std::vector<Edit>* to) {
  to->insert(to->end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

// As many as there is room for; counts them all.
class Sentences {
 public:
  explicit Sentences(size_t limit) : limit_(limit) {}

  void Add(const std::string& sentence) {
    if (count_++ < limit_) sentences_.push_back(sentence);
  }
  std::vector<std::string> Take() && {
    if (count_ > limit_) sentences_.push_back(absl::StrCat("and ", count_ - limit_, " more"));
    return std::move(sentences_);
  }

 private:
  const size_t limit_;
  size_t count_ = 0;
  std::vector<std::string> sentences_;
};

}  // namespace

ClusterState::ClusterState(const Config& settings, bool watch_all_pods)
    : settings_(SettingsOf(settings)),
      nodes_(&settings_),
      pods_(&settings_, &nodes_, watch_all_pods),
      services_(&settings_, &nodes_),
      node_sink_(this, &nodes_.objects(), ParseKubeNode),
      pod_sink_(this, &pods_.objects(), ParseKubePod),
      service_sink_(this, &services_.services(), ParseKubeService),
      slice_sink_(this, &services_.slices(), ParseKubeSlice) {}

// Endpoints are chosen by our own node's zone.
bool ClusterState::CanTakeServices() const {
  return nodes_.objects().has_synced() && services_.services().has_synced() &&
         services_.slices().has_synced();
}

bool ClusterState::CanTakeRoutes() const {
  return nodes_.objects().has_synced() && pods_.objects().has_synced();
}

std::vector<Edit> ClusterState::TakeEdits() {
  const std::lock_guard lock(mutex_);
  ClusterNodes::Taken nodes;
  if (nodes_.objects().has_synced()) nodes = nodes_.Take();
  for (const std::string& node : nodes.moved) pods_.Recheck(node);
  for (const Ipv4Address address : nodes.underlays) services_.Recheck(address);
  const KubeNode* own = nodes_.Own();
  services_.SetZone(own == nullptr ? "" : own->zone);
  ClusterPods::Taken routes;
  if (CanTakeRoutes()) routes = pods_.TakeRoutes();
  ClusterServices::Taken services;
  if (CanTakeServices()) services = services_.Take();

  std::vector<Edit> edits = std::move(routes.gone);
  Append(std::move(services.gone), &edits);
  Append(std::move(nodes.gone), &edits);
  Append(std::move(nodes.here), &edits);
  Append(std::move(routes.here), &edits);
  Append(std::move(services.here), &edits);
  return edits;
}

std::vector<PodMove> ClusterState::TakePodMoves() {
  const std::lock_guard lock(mutex_);
  return pods_.TakeMoves();
}

std::optional<KubeNode> ClusterState::OwnNode() const {
  const std::lock_guard lock(mutex_);
  const KubeNode* own = nodes_.Own();
  if (own == nullptr) return std::nullopt;
  return *own;
}

std::string ClusterState::PodAt(Ipv4Address address) const {
  const std::lock_guard lock(mutex_);
  return pods_.At(address);
}

std::vector<DuplicateMac> ClusterState::DuplicateMacs() const {
  const std::lock_guard lock(mutex_);
  return nodes_.Duplicates();
}

std::vector<std::string> ClusterState::Problems(size_t limit) const {
  const std::lock_guard lock(mutex_);
  Sentences sentences(limit);
  for (const DuplicateMac& duplicate : nodes_.Duplicates()) {
    sentences.Add(absl::StrCat("nodes ", absl::StrJoin(duplicate.nodes, " and "),
                               " have the same virtual MAC ", duplicate.mac.ToString()));
  }
  for (const auto* by_name : {&nodes_.sentences(), &services_.sentences()}) {
    for (const auto& [name, of_name] : *by_name) {
      for (const std::string& sentence : of_name) sentences.Add(sentence);
    }
  }
  for (const auto& [address, sentence] : pods_.sentences()) sentences.Add(sentence);
  return std::move(sentences).Take();
}

ClusterState::Counts ClusterState::Objects() const {
  const std::lock_guard lock(mutex_);
  return {.nodes = nodes_.objects().size(),
          .pods = pods_.objects().size(),
          .services = services_.services().size(),
          .slices = services_.slices().size()};
}

bool ClusterState::HasSynced() const {
  const std::lock_guard lock(mutex_);
  return CanTakeServices() && CanTakeRoutes();
}

}  // namespace podwarp
