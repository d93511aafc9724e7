#include "kubernetes/follower.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"

namespace podwarp {
namespace {

// Of each list of sentences in reports.
constexpr size_t kMostSentences = 50;
// What is given to the node in one go, so that Stop() needn't wait for a whole cluster.
constexpr size_t kMostEdits = 1'000;
constexpr absl::Duration kMoveAgain = absl::Seconds(1);
constexpr absl::Duration kLogRound = absl::Seconds(1);
constexpr absl::Duration kRecordRound = absl::Milliseconds(200);

OwnAnnotations AnnotationsOf(const Config& config) {
  OwnAnnotations own;
  own.virtual_mac = config.virtual_mac;
  for (const UplinkConfig& uplink : config.uplinks) {
    if (!own.underlay_address.has_value()) own.underlay_address = uplink.address;
  }
  return own;
}

bool AreCurrent(const std::vector<KubernetesStatus::Resource>& resources) {
  return std::all_of(resources.begin(), resources.end(),
                     [](const auto& resource) { return resource.synced && resource.connected; });
}

}  // namespace

Follower::Follower(const ApiClient* client, const Config& config, FollowerSettings settings,
                   FollowerActions actions)
    : client_(client),
      node_name_(config.node_name),
      virtual_mac_(config.virtual_mac),
      pod_ranges_(config.node_pod_ranges),
      settings_(std::move(settings)),
      actions_(std::move(actions)),
      state_(config, settings_.watch_all_pods),
      record_(client, config.node_name, AnnotationsOf(config)),
      last_current_(absl::Now()) {
  using Counts = ClusterState::Counts;
  Watch("/api/v1/nodes", &Counts::nodes, state_.nodes());
  Watch("/api/v1/services", &Counts::services, state_.services());
  Watch("/apis/discovery.k8s.io/v1/endpointslices", &Counts::slices, state_.slices());
  Watch("/api/v1/pods", &Counts::pods, state_.pods(),
        settings_.watch_all_pods ? "" : absl::StrCat("spec.nodeName=", node_name_));
  edits_thread_ = std::thread([this] { RunEdits(); });
  record_thread_ = std::thread([this] { RunRecord(); });
}

Follower::~Follower() { Stop(); }

void Follower::Watch(const std::string& path, size_t ClusterState::Counts::*count,
                     ResourceSink* sink, const std::string& field_selector) {
  ReflectorSettings settings = settings_.reflector;
  settings.path = path;
  settings.field_selector = field_selector;
  watched_.push_back({path.substr(path.rfind('/') + 1), count,
                      std::make_unique<Reflector>(client_, std::move(settings), sink)});
}

void Follower::Stop() {
  cancellation_.Cancel();
  // All before any is waited for: a look-up of a name can't be cut short.
  for (const Watched& watched : watched_) watched.reflector->Cancel();
  if (edits_thread_.joinable()) edits_thread_.join();
  if (record_thread_.joinable()) record_thread_.join();
  for (const Watched& watched : watched_) watched.reflector->Stop();
}

void Follower::RunEdits() {
  while (cancellation_.Sleep(kRound)) {
    MovePods();
    ApplyEdits();
    NoteForReports();
    if (const absl::Time now = absl::Now(); now >= next_log_) {
      log_.Tell(Status(), now);
      next_log_ = now + kLogRound;
    }
  }
}

void Follower::ApplyEdits() {
  const std::vector<Edit> edits = refused_edits_.WithDue(state_.TakeEdits(), absl::Now());
  std::span<const Edit> left = edits;
  while (!left.empty() && !cancellation_.is_cancelled()) {
    const std::span<const Edit> some = left.first(std::min(left.size(), kMostEdits));
    left = left.subspan(some.size());
    refused_edits_.Note(some, actions_.apply(some), absl::Now());
  }
}

void Follower::MovePods() {
  for (PodMove& move : state_.TakePodMoves()) {
    refused_moves_[move.pod] = {std::move(move.addresses), ""};
    next_moves_ = absl::InfinitePast();
  }
  if (refused_moves_.empty() || absl::Now() < next_moves_) return;
  next_moves_ = absl::Now() + kMoveAgain;
  for (auto entry = refused_moves_.begin();
       entry != refused_moves_.end() && !cancellation_.is_cancelled();) {
    auto& [pod, move] = *entry;
    const absl::Status status = actions_.move_pod(pod, move.addresses);
    if (status.ok()) {
      entry = refused_moves_.erase(entry);
    } else {
      move.reason = std::string(status.message());
      ++entry;
    }
  }
}

void Follower::NoteForReports() {
  std::vector<std::string> sentences = refused_edits_.Sentences(kMostSentences);
  for (const auto& [pod, move] : refused_moves_) {
    if (sentences.size() > 2 * kMostSentences) break;
    sentences.push_back(
        absl::StrCat("pod ", pod, " does not have the addresses of Kubernetes: ", move.reason));
  }
  const bool is_current = AreCurrent(Resources());
  const std::lock_guard lock(mutex_);
  refused_ = std::move(sentences);
  if (is_current) last_current_ = absl::Now();
}

void Follower::RunRecord() {
  while (cancellation_.Sleep(kRecordRound)) {
    const std::optional<KubeNode> own = state_.OwnNode();
    if (!own.has_value()) continue;
    std::vector<std::string> same_mac;
    for (DuplicateMac& duplicate : state_.DuplicateMacs()) {
      if (duplicate.mac == virtual_mac_) same_mac = std::move(duplicate.nodes);
    }
    record_.Keep(*own, same_mac, absl::Now(), &cancellation_);
  }
}

std::vector<KubernetesStatus::Resource> Follower::Resources() const {
  const absl::Time now = absl::Now();
  const ClusterState::Counts counts = state_.Objects();
  std::vector<KubernetesStatus::Resource> resources;
  for (const Watched& watched : watched_) {
    const ReflectorStatus seen = watched.reflector->Status();
    KubernetesStatus::Resource resource;
    resource.name = watched.name;
    resource.synced = seen.synced;
    resource.connected = seen.connected;
    resource.last_error = seen.last_error;
    resource.since_contact = now - seen.last_contact;
    resource.objects = counts.*watched.count;
    resources.push_back(std::move(resource));
  }
  return resources;
}

KubernetesStatus Follower::Status() const {
  KubernetesStatus status;
  status.server = client_->access().server;
  status.resources = Resources();
  status.is_current = AreCurrent(status.resources);
  const auto add = [&status](std::vector<std::string> sentences) {
    std::move(sentences.begin(), sentences.end(), std::back_inserter(status.notes));
  };
  const std::optional<KubeNode> own = state_.OwnNode();
  if (status.resources.front().synced && !own.has_value()) {
    add({absl::StrCat("node ", node_name_, ": Kubernetes has no node of this name; ",
                      "node_name has to be as `kubectl get nodes` shows it")});
  }
  if (own.has_value() && !own->pod_cidrs.empty() && own->pod_cidrs != pod_ranges_) {
    add({absl::StrCat("node ", node_name_,
                      ": Kubernetes gives it other pod ranges than podwarp was ",
                      "started with: start podwarp again, or correct node_pod_ranges")});
  }
  add(record_.Sentences());
  add(state_.Problems(kMostSentences));
  const std::lock_guard lock(mutex_);
  add(refused_);
  if (!status.is_current) status.not_current_for = absl::Now() - last_current_;
  return status;
}

}  // namespace podwarp
