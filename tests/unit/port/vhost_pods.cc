#include "unit/port/vhost_pods.h"

#include <glog/logging.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "port/vhost_port.h"
#include "support/eal.h"

namespace podwarp::test {
namespace {

std::vector<std::unique_ptr<Worker>> OneWorker(Tables* tables, EventRing* events) {
  std::vector<std::unique_ptr<Worker>> workers;
  workers.push_back(
      std::make_unique<Worker>(WorkerOptions{.id = 0,
                                             .limits = {Rate::Unlimited(), Rate::Unlimited()},
                                             .idle = {.may_sleep = true, .max_sleep_ns = 100'000}},
                               tables, events, TestPool()));
  return workers;
}

}  // namespace

VhostPods::VhostPods(MacAddress gateway_mac, std::vector<VhostPod> pods)
    : gateway_mac_(gateway_mac),
      tables_(/*workers=*/1, /*adjacency_capacity=*/64),
      owners_(&tables_),
      events_(kEventRingSize),
      backend_(&tables_.rcu, [this] { tables_.ports.NoteStateChange(); }),
      workers_(std::make_unique<WorkerSet>(OneWorker(&tables_, &events_), &tables_)) {
  CHECK(owners_.Add("ranges", {.kind = NextHopKind::kUnowned}).ok());
  for (VhostPod& pod : pods) pods_.emplace_back().pod = std::move(pod);
  CHECK(owners_.Claim("ranges", Ipv4Prefix(pods_[0].pod.address, 16), generation_).ok());
  for (Open& open : pods_) Add(open);
  worker_ = std::thread([this] { (*workers_)[0].Run(); });
  control_ = std::thread([this] { Control(); });
}

VhostPods::~VhostPods() {
  stop_ = true;
  control_.join();
  for (Open& open : pods_) Remove(open);
  tables_.rcu.Synchronize();
  workers_->Stop();
  worker_.join();
  workers_.reset();
}

std::string VhostPods::Drops() const {
  std::string text;
  const auto& drops = (*workers_)[0].counters().drops;
  for (size_t reason = 0; reason < drops.size(); ++reason) {
    if (drops[reason].value() == 0) continue;
    absl::StrAppend(&text, text.empty() ? "" : ", ",
                    std::string(Name(static_cast<DropReason>(reason))), " ", drops[reason].value());
  }
  return text;
}

// The two are what Node does when it opens and closes a pod.
void VhostPods::Add(Open& open) {
  const VhostPod& pod = open.pod;
  auto port = VhostPort::Open(
      {.name = pod.socket, .router_mac = gateway_mac_, .receive_queues = pod.queues},
      {.socket = {.path = pod.socket, .is_server = true}, .pool = TestPool()}, &backend_);
  CHECK(port.ok()) << port.status();
  open.port = tables_.ports.Add(*std::move(port)).value();
  CHECK(workers_->Attach(open.port).ok());
  tables_.pods.Set(open.port, {.name = pod.socket, .mac = pod.mac, .addresses = {pod.address}});
  CHECK(owners_
            .Add(pod.socket, {.destination = pod.mac,
                              .source = gateway_mac_,
                              .port = open.port,
                              .mtu_bytes = 1500,
                              .kind = NextHopKind::kPod})
            .ok());
  CHECK(owners_.Claim(pod.socket, Ipv4Prefix::Host(pod.address), ++generation_).ok());
}

void VhostPods::Remove(Open& open) {
  CHECK(owners_.Remove(open.pod.socket).ok());
  tables_.pods.Remove(open.port);
  workers_->Detach(open.port);
  tables_.ports.Remove(open.port);
}

void VhostPods::Control() {
  while (!stop_) {
    tables_.rcu.Poll();
    if (tables_.ports.TakeStateChange()) tables_.ports.RefreshStates();
    for (Open& open : pods_) {
      if (!tables_.ports.Get(open.port)->State().is_gone) continue;
      Remove(open);
      tables_.rcu.Synchronize();
      Add(open);
      ++reopened_;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

}  // namespace podwarp::test
