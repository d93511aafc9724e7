// podwarp's end of all vhost-user sockets: registers them with librte_vhost, keeps those connecting
// that podwarp is the client of, and hands librte_vhost's callbacks to the device they are about.
//
// Everything that may wait (binding, connecting, unregistering) is done by a thread of its own, the
// keeper. librte_vhost could retry connections by itself, but only once a second.
//
// Thread rule: the control thread, except for the callbacks. One backend at a time in a process,
// since librte_vhost's callbacks carry no context.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "platform/folder_watch.h"
#include "port/vhost_device.h"
#include "port/vhost_limits.h"
#include "port/vhost_socket.h"

namespace podwarp {

class VhostBackend {
 public:
  // `rcu` outlives the backend. `on_change` is called on any thread when State() of some device may
  // have changed; it must not wait.
  VhostBackend(const Rcu* rcu, std::function<void()> on_change);
  // Waits until the keeper has looked at every device added so far, so that the sockets of servers
  // are there; at most `limit`.
  void WaitUntilServed(absl::Duration limit);

  // Unregisters what is left. REQUIRES: no worker uses a device any more.
  ~VhostBackend();
  VhostBackend(const VhostBackend&) = delete;
  VhostBackend& operator=(const VhostBackend&) = delete;

  // A device behind the socket, from now on until Remove(). What is wrong with the socket, and
  // whether somebody is connected, is told by the device's State().
  // Errors: ResourceExhausted beyond what librte_vhost can watch (kVhostPlaces).
  absl::StatusOr<std::shared_ptr<VhostDevice>> Add(VhostSocketSettings settings,
                                                   uint16_t queue_pairs);
  // Ends the device's connection, and lets go of its socket, some time later.
  // REQUIRES: no worker uses the device any more.
  void Remove(const std::shared_ptr<VhostDevice>& device);

 private:
  using Clock = std::chrono::steady_clock;
  // The keeper's own, but for the first two, which are constant.
  struct Entry {
    VhostSocketSettings settings;
    std::shared_ptr<VhostDevice> device;
    bool is_due = true;  // under mutex_: to be looked at now, whatever next_look says
    std::atomic<bool> is_registered{false};
    std::optional<FileIdentity> file;  // server: the one that podwarp bound; client: last tried
    Clock::duration pause = {};        // client: before the next try; grows
    Clock::time_point next_try = {};
    Clock::time_point next_look = {};

    std::string folder() const { return settings.path.substr(0, settings.path.rfind('/')); }
  };

  void Keep();
  // Does what is to be done about the socket now, and sets next_look.
  void Serve(Entry& entry);
  void ServeServer(Entry& entry);
  void ServeClient(Entry& entry);
  bool Register(Entry& entry);
  bool Start(const char* path);
  void Unregister(Entry& entry);
  VhostDevice* Find(std::string_view path);
  void LetGo(const std::unique_ptr<Entry>& entry);
  void Wait(Clock::time_point until);
  void WakeKeeper(const VhostDevice* device);

  static int NewConnection(int handle);
  static void DestroyConnection(int handle);
  static int NewDevice(int handle);
  static void DestroyDevice(int handle);
  static int RingStateChanged(int handle, uint16_t ring, int is_enabled);

  const Rcu& rcu_;
  const std::function<void()> on_change_;
  unsigned places_ = 0;  // taken, of kVhostPlaces; control

  const int wake_fd_;
  std::mutex mutex_;
  std::condition_variable served_;
  // Under mutex_. Who is served at the moment may become one of the removed meanwhile.
  std::vector<std::unique_ptr<Entry>> entries_;
  std::vector<std::unique_ptr<Entry>> removed_;  // to be unregistered
  bool is_stopping_ = false;
  // Held while the keeper connects; librte_vhost may call back from there.
  std::recursive_mutex connecting_;

  // The keeper's own.
  FolderWatch folders_;          // of clients' sockets
  bool has_new_server_ = false;  // that librte_vhost doesn't know yet
  std::thread keeper_;
};

}  // namespace podwarp
