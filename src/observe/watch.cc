#include "observe/watch.h"

#include <rte_cycles.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace podwarp {
namespace {

struct Named {
  PortId port = kNoPort;  // kNoPort: the request names none
  const Pod* pod = nullptr;
};

absl::StatusOr<Named> FindPod(const Node& node, const std::string& name) {
  const auto found = node.pods().find(name);
  if (found == node.pods().end()) {
    return absl::NotFoundError(absl::StrCat("pod: there is no pod ", name, " on this node"));
  }
  const Node::PodRecord& pod = found->second;
  if (pod.port == kNoPort) {
    return absl::NotFoundError(absl::StrCat("pod: ", name, " has no port: ", pod.why_down));
  }
  return Named{.port = pod.port, .pod = node.tables().pods.Get(pod.port)};
}

absl::StatusOr<Named> FindNamed(const Node& node, const WatchRequest& request) {
  Named named;
  if (!request.port.empty()) {
    named.port = node.tables().ports.Find(request.port);
    if (named.port == kNoPort) {
      return absl::NotFoundError(absl::StrCat("port: there is no port ", request.port));
    }
  }
  if (request.pod.empty()) return named;
  absl::StatusOr<Named> pod = FindPod(node, request.pod);
  if (pod.ok() && named.port != kNoPort && named.port != pod->port) {
    return absl::InvalidArgumentError(
        absl::StrCat("port: ", request.port, " isn't that of pod ", request.pod));
  }
  return pod;
}

template <typename Session>
absl::Status CheckRoom(const std::vector<std::shared_ptr<Session>>& open, size_t most,
                       const char* what) {
  if (open.size() < most) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(most, " ", what, " are open already"));
}

template <typename Session>
void Erase(std::vector<std::shared_ptr<Session>>& open, const std::shared_ptr<Session>& session) {
  open.erase(std::remove(open.begin(), open.end(), session), open.end());
}

}  // namespace

absl::StatusOr<std::shared_ptr<TraceSession>> Watch::OpenTrace(const WatchRequest& request,
                                                               TraceFilter filter) {
  if (absl::Status room = CheckRoom(open_.traces, kMaxTraces, "traces"); !room.ok()) return room;
  const absl::StatusOr<Named> named = FindNamed(node_, request);
  if (!named.ok()) return named.status();
  if (!request.port.empty()) filter.ingress = named->port;
  if (named->pod != nullptr) {
    filter.pod = TraceFilter::Pod{.port = named->port, .addresses = named->pod->addresses};
  }
  auto session = std::make_shared<TraceSession>(
      std::move(filter), static_cast<uint16_t>(node_.workers().size()), rte_get_tsc_hz());
  open_.traces.push_back(session);
  Publish();
  return session;
}

absl::StatusOr<std::shared_ptr<CaptureSession>> Watch::OpenCapture(const WatchRequest& request,
                                                                   CaptureFilter filter) {
  if (absl::Status room = CheckRoom(open_.captures, kMaxCaptures, "captures"); !room.ok()) {
    return room;
  }
  const absl::StatusOr<Named> named = FindNamed(node_, request);
  if (!named.ok()) return named.status();
  filter.port = named->port;
  auto session = std::make_shared<CaptureSession>(std::move(filter),
                                                  static_cast<uint16_t>(node_.workers().size()));
  open_.captures.push_back(session);
  Publish();
  return session;
}

bool Watch::IsStill(const WatchRequest& request, PortId port) const {
  const absl::StatusOr<Named> named = FindNamed(node_, request);
  return named.ok() && named->port == port;
}

void Watch::Close(const std::shared_ptr<TraceSession>& session) {
  Erase(open_.traces, session);
  Publish();
}

void Watch::Close(const std::shared_ptr<CaptureSession>& session) {
  Erase(open_.captures, session);
  Publish();
}

}  // namespace podwarp
