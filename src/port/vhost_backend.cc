// Theory of operation
//
// The keeper looks at each socket when its time has come, or when its connection has ended or
// something has appeared in its folder. What is to be done follows from how things stand, never
// from what happened: a server's socket is to be registered and its file to be there; a client's is
// to be registered and connected.
//
// A client's socket whose peer is away is only tried when its file is another one than that which
// was last tried in vain, or after a pause that grows: so a peer that returns is found at once, and
// one that left a dead file costs next to nothing.
#include "port/vhost_backend.h"

#include <glog/logging.h>
#include <poll.h>
#include <rte_log.h>
#include <rte_vhost.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <climits>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "platform/shared_memory_fault.h"
#include "port/vhost_doorbell.h"
#include "port/vhost_guard.h"
#include "port/vhost_message.h"

namespace podwarp {
namespace {

using std::chrono::milliseconds;

// A folder that is watched tells by itself. This is for those that can't be.
constexpr milliseconds kLook(1000);
constexpr milliseconds kFirstPause(10);
constexpr milliseconds kLongestPause(10'000);

constexpr uint64_t kFlags = RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS;

std::atomic<VhostBackend*> the_backend{nullptr};
// librte_vhost's thread touches guests' memory as well: that of the device whose message it
// handles, or of one that is about to go.
std::atomic<bool> of_nobody;

// By librte_vhost's number. Only its callbacks use it, and the keeper after unregistering.
std::array<std::atomic<VhostDevice*>, RTE_MAX_VHOST_DEVICE> devices;

// By librte_vhost's number; its thread's.
std::array<VhostGuard, RTE_MAX_VHOST_DEVICE> guards;

VhostDevice* DeviceOf(int handle) {
  return devices[static_cast<size_t>(handle)].load(std::memory_order_acquire);
}

rte_vhost_msg_result BeforeMessage(int handle, void* message) {
  VhostDevice* const device = DeviceOf(handle);
  if (device != nullptr) {
    GuardSharedMemory(device->memory_lost());
    device->OnMessage(handle, VhostMessageOf(message).request);
  }
  if (!guards[static_cast<size_t>(handle)].Admit(message)) return RTE_VHOST_MSG_RESULT_ERR;
  if (device != nullptr) device->OnMessageAdmitted(handle, VhostMessageOf(message));
  return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

rte_vhost_msg_result AfterMessage(int handle, void* message) {
  guards[static_cast<size_t>(handle)].Followed();
  if (VhostDevice* device = DeviceOf(handle)) {
    device->OnMessageDone(handle, VhostMessageOf(message));
  }
  return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

}  // namespace

VhostBackend::VhostBackend(const Rcu* rcu, std::function<void()> on_change)
    : rcu_(*rcu),
      on_change_(std::move(on_change)),
      wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  PCHECK(wake_fd_ >= 0);
  VhostBackend* none = nullptr;
  CHECK(the_backend.compare_exchange_strong(none, this)) << "a second VhostBackend";
  // It writes a line for every fault of a peer, as many as the peer likes. What it has to say about
  // a port, State() says.
  if (!VLOG_IS_ON(1)) rte_log_set_level_pattern("lib.vhost.*", RTE_LOG_EMERG);
  SurviveSharedMemoryFaults();
  keeper_ = std::thread([this] { Keep(); });
}

VhostBackend::~VhostBackend() {
  {
    const std::lock_guard lock(mutex_);
    std::move(entries_.begin(), entries_.end(), std::back_inserter(removed_));
    entries_.clear();
    is_stopping_ = true;
    eventfd_write(wake_fd_, 1);
  }
  keeper_.join();
  close(wake_fd_);
  the_backend.store(nullptr);
}

absl::StatusOr<std::shared_ptr<VhostDevice>> VhostBackend::Add(VhostSocketSettings settings,
                                                               uint16_t queue_pairs) {
  const unsigned places = VhostPlaces(settings.is_server);
  if (places_ + places > kVhostPlaces) {
    return absl::ResourceExhaustedError(
        absl::StrCat(settings.path, ": the limit of vhost-user sockets is reached: ", kVhostPlaces,
                     " with podwarp as client, half as many as server; ", places_, " of ",
                     kVhostPlaces, " places are taken"));
  }
  auto entry = std::make_unique<Entry>();
  auto device = std::make_shared<VhostDevice>(settings.path, queue_pairs, &rcu_);
  device->set_on_change(on_change_);
  entry->settings = std::move(settings);
  entry->device = device;
  entry->pause = kFirstPause;
  places_ += places;
  {
    const std::lock_guard lock(mutex_);
    entries_.push_back(std::move(entry));
  }
  WakeKeeper(device.get());
  return device;
}

void VhostBackend::Remove(const std::shared_ptr<VhostDevice>& device) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const auto& entry) { return entry->device == device; });
    CHECK(found != entries_.end()) << device->socket();
    places_ -= VhostPlaces((*found)->settings.is_server);
    removed_.push_back(std::move(*found));
    entries_.erase(found);
  }
  WakeKeeper(device.get());
}

void VhostBackend::WaitUntilServed(absl::Duration limit) {
  std::unique_lock lock(mutex_);
  served_.wait_for(lock, absl::ToChronoMilliseconds(limit), [this] {
    return std::none_of(entries_.begin(), entries_.end(),
                        [](const auto& entry) { return entry->is_due; });
  });
}

// Wakes under the lock: once the keeper has it, the caller doesn't touch the backend any more.
void VhostBackend::WakeKeeper(const VhostDevice* device) {
  const std::lock_guard lock(mutex_);
  for (const auto& entry : entries_) {
    if (entry->device.get() == device) entry->is_due = true;
  }
  eventfd_write(wake_fd_, 1);
}

void VhostBackend::Keep() {
  GuardSharedMemory(&of_nobody);  // what unregistering touches
  std::unique_lock lock(mutex_);
  while (!is_stopping_ || !removed_.empty()) {
    Clock::time_point next = Clock::now() + kLook;
    // By index: Add() and Remove() change the list meanwhile, and then the keeper looks again.
    for (size_t i = 0; i < entries_.size() || !removed_.empty();) {
      // First: librte_vhost must not know a path twice, and the next may have the path of one that
      // was just removed.
      if (!removed_.empty()) {
        const std::unique_ptr<Entry> removed = std::move(removed_.back());
        removed_.pop_back();
        lock.unlock();
        LetGo(removed);
        lock.lock();
        continue;
      }
      Entry& entry = *entries_[i++];
      if (entry.is_due || entry.next_look <= Clock::now()) {
        entry.is_due = false;
        lock.unlock();
        Serve(entry);
        lock.lock();
      }
      next = std::min(next, entry.next_look);
    }
    lock.unlock();
    if (std::exchange(has_new_server_, false)) RingVhostDoorbell();
    lock.lock();
    served_.notify_all();
    if (is_stopping_) continue;
    lock.unlock();
    Wait(next);
    lock.lock();
  }
}

void VhostBackend::LetGo(const std::unique_ptr<Entry>& entry) {
  Unregister(*entry);
  const std::lock_guard lock(mutex_);
  const std::string folder = entry->folder();
  const bool is_needed = std::any_of(entries_.begin(), entries_.end(),
                                     [&](const auto& other) { return other->folder() == folder; });
  if (!is_needed) folders_.Unwatch(folder);
}

void VhostBackend::Wait(Clock::time_point until) {
  const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
  pollfd ready[] = {{.fd = wake_fd_, .events = POLLIN, .revents = 0},
                    {.fd = folders_.fd(), .events = POLLIN, .revents = 0}};
  poll(ready, 2, std::max(0, static_cast<int>(left)));
  eventfd_t ignored;
  eventfd_read(wake_fd_, &ignored);
  const std::set<std::string> changed = folders_.TakeChanged();
  if (changed.empty()) return;
  const std::lock_guard lock(mutex_);
  for (const auto& entry : entries_) {
    if (changed.contains(entry->folder())) entry->is_due = true;
  }
}

void VhostBackend::Serve(Entry& entry) {
  if (entry.settings.is_server) {
    ServeServer(entry);
  } else {
    ServeClient(entry);
  }
}

void VhostBackend::ServeServer(Entry& entry) {
  entry.next_look = Clock::now() + kLook;
  VhostDevice& device = *entry.device;
  if (entry.is_registered) {
    const bool is_there = entry.file.has_value() && IdentityOf(entry.settings.path) == entry.file;
    if (device.is_connected() || is_there) return;
    Unregister(entry);  // somebody removed the file, so that nobody can connect any more
  }
  absl::Status status = MakeWayForServer(entry.settings);
  if (status.ok() && !Register(entry)) {
    status = absl::InternalError(absl::StrCat("can't listen on ", entry.settings.path));
  }
  if (status.ok()) status = SetSocketRights(entry.settings);
  if (!status.ok() && entry.is_registered) Unregister(entry);
  entry.file = IdentityOf(entry.settings.path);
  has_new_server_ |= entry.is_registered;
  device.SetSocketTrouble(std::string(status.message()));
}

void VhostBackend::ServeClient(Entry& entry) {
  const Clock::time_point now = Clock::now();
  entry.next_look = now + kLook;
  VhostDevice& device = *entry.device;
  if (entry.is_registered) {
    if (device.is_connected()) {
      entry.next_look = now + std::chrono::hours(1);
      return;
    }
    Unregister(entry);
    // A connection that came to nothing counts as a try in vain.
    if (device.TakeWasReady()) entry.pause = kFirstPause;
    entry.next_try = now + entry.pause;
  }
  const std::string& path = entry.settings.path;
  folders_.Watch(entry.folder());
  const std::optional<FileIdentity> file = IdentityOf(path);
  if (file != entry.file) {
    entry.pause = kFirstPause;
    entry.next_try = now;
    entry.file = file;
  }
  if (file.has_value() && now >= entry.next_try) {
    if (Register(entry)) {
      device.SetSocketTrouble("");
      return;
    }
    entry.next_try = now + entry.pause;
    entry.pause = std::min<Clock::duration>(2 * entry.pause, kLongestPause);
  }
  device.SetSocketTrouble(WhyNotConnected(path));
  if (file.has_value()) entry.next_look = std::min(entry.next_look, entry.next_try);
}

bool VhostBackend::Register(Entry& entry) {
  static constexpr rte_vhost_device_ops kCallbacks = {
      .new_device = NewDevice,
      .destroy_device = DestroyDevice,
      .vring_state_changed = RingStateChanged,
      .features_changed = nullptr,
      .new_connection = NewConnection,
      .destroy_connection = DestroyConnection,
      .guest_notified = nullptr,
      .reserved = {},
  };
  const char* path = entry.settings.path.c_str();
  const uint64_t flags =
      kFlags | (entry.settings.is_server ? 0 : RTE_VHOST_USER_CLIENT | RTE_VHOST_USER_NO_RECONNECT);
  if (rte_vhost_driver_register(path, flags) != 0) return false;
  entry.is_registered = true;  // its first connection comes while it starts
  if (rte_vhost_driver_callback_register(path, &kCallbacks) != 0 || !Start(path)) {
    rte_vhost_driver_unregister(path);
    entry.is_registered = false;
  }
  return entry.is_registered;
}

bool VhostBackend::Start(const char* path) {
  const std::lock_guard lock(connecting_);
  return rte_vhost_driver_start(path) == 0;
}

void VhostBackend::Unregister(Entry& entry) {
  if (!entry.is_registered.exchange(false)) return;
  rte_vhost_driver_unregister(entry.settings.path.c_str());
  // It ends what was connected without a word about the connection.
  for (std::atomic<VhostDevice*>& device : devices) {
    VhostDevice* expected = entry.device.get();
    device.compare_exchange_strong(expected, nullptr);
  }
  entry.device->OnUnregistered();
}

VhostDevice* VhostBackend::Find(std::string_view path) {
  const std::lock_guard lock(mutex_);
  for (const auto& entry : entries_) {
    // Not one that waits until the path is free.
    if (entry->settings.path == path && entry->is_registered) return entry->device.get();
  }
  return nullptr;
}

int VhostBackend::NewConnection(int handle) {
  static constexpr rte_vhost_user_extern_ops kObserver = {.pre_msg_handle = BeforeMessage,
                                                          .post_msg_handle = AfterMessage};
  GuardSharedMemory(&of_nobody);
  char path[PATH_MAX];
  if (rte_vhost_get_ifname(handle, path, sizeof(path)) != 0) return -1;
  VhostDevice* device = the_backend.load()->Find(path);
  if (device == nullptr || !device->OnConnected(handle)) return -1;
  LimitWaiting(path);
  guards[static_cast<size_t>(handle)] = VhostGuard();
  devices[static_cast<size_t>(handle)].store(device, std::memory_order_release);
  return rte_vhost_extern_callback_register(handle, &kObserver, nullptr);
}

void VhostBackend::DestroyConnection(int handle) {
  GuardSharedMemory(&of_nobody);
  // librte_vhost's thread serves a connection that podwarp makes as a client before it stands in
  // the list of its socket's connections (vhost_user_add_connection() of socket.c). If that ends at
  // once, it frees what is about to be put into the list, and later closes a descriptor that is
  // somebody else's by then. So it waits here until it stands there.
  { const std::lock_guard lock(the_backend.load()->connecting_); }
  VhostDevice* device = devices[static_cast<size_t>(handle)].exchange(nullptr);
  if (device == nullptr) return;
  device->OnDisconnected(handle);
  the_backend.load()->WakeKeeper(device);
}

int VhostBackend::NewDevice(int handle) {
  if (VhostDevice* device = DeviceOf(handle)) device->OnReady(handle);
  return 0;
}

void VhostBackend::DestroyDevice(int handle) {
  if (VhostDevice* device = DeviceOf(handle)) device->OnStopped(handle);
}

int VhostBackend::RingStateChanged(int handle, uint16_t ring, int is_enabled) {
  if (VhostDevice* device = DeviceOf(handle)) device->OnRingState(handle, ring, is_enabled != 0);
  return 0;
}

}  // namespace podwarp
