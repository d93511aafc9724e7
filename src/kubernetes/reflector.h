// Keeps what an API server has of one resource in a ResourceSink: list, then watch.
//
// A list asks for the latest state (no resourceVersion) in pages. resourceVersion=0, which any
// server answers from its memory, would be cheaper for it, but
//  - servers before 1.33 leave `limit` alone then: 10,000 services would come in one answer, which
//    both sides would have to hold, and here memory is to follow the state;
//  - it may be older than what we have seen, after a change to a server that lags: a pod's address
//    of before would be back, until that server has caught up.
// What keeps this bearable for the server is that lists are rare: one at start, and one when the
// server no longer knows our revision. A watch that ends or breaks off goes on where it was, every
// wait has jitter, and Retry-After is honoured.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "kubernetes/api_client.h"
#include "kubernetes/backoff.h"
#include "kubernetes/cancellation.h"
#include "kubernetes/resource_sink.h"
#include "kubernetes/watch_stream.h"

namespace podwarp {

struct ReflectorSettings {
  std::string path;            // "/api/v1/pods"
  std::string field_selector;  // "spec.nodeName=node-a", or "" for all
  int page = 500;
  // A watch is asked to end after this to twice this, as other clients' are: by chance, so that not
  // all nodes come at once.
  absl::Duration watch = absl::Minutes(5);
  // Beyond that, without a byte, a server is taken for dead.
  absl::Duration slack = absl::Seconds(30);
  // A watch that lasted this long went well: the next failure is met as the first.
  absl::Duration lasting = absl::Seconds(10);
  // Servers send bookmarks every minute. A watch that ends after this without anything is at a
  // revision that the server doesn't have, as when etcd was restored from a backup: it says
  // nothing.
  absl::Duration suspicious_silence = absl::Seconds(150);

  // For tests.
  std::function<absl::Time()> now = absl::Now;
  // False if it was cancelled meanwhile. Not given: sleeps.
  std::function<bool(absl::Duration, Cancellation*)> sleep = nullptr;
  // From 0 up to 1, without 1. Not given: by chance.
  std::function<double()> chance = nullptr;
};

struct ReflectorStatus {
  bool synced = false;                             // it has had a whole list once
  bool connected = false;                          // a watch is open, or the last request went well
  std::string last_error;                          // why it isn't connected
  absl::Time last_contact = absl::InfinitePast();  // when the server sent something
  std::string resource_version;
  uint64_t objects = 0;
  uint64_t lists = 0;    // whole ones
  uint64_t watches = 0;  // accepted ones
  uint64_t events = 0;   // given to the sink, of watches
};

class Reflector {
 public:
  // Starts a thread, which alone calls `sink`. Both outlive this.
  Reflector(const ApiClient* client, ReflectorSettings settings, ResourceSink* sink);
  ~Reflector();

  // Has the thread end, and doesn't wait for it. Any thread.
  void Cancel() { cancellation_.Cancel(); }
  // Returns when the thread has ended: at once, unless the sink or a look-up of a name takes time.
  // Once; by one thread.
  void Stop();
  // Any thread.
  ReflectorStatus Status() const;

 private:
  void Run();
  // A list if there is no revision to go on from, and then a watch, until it ends.
  absl::Status Follow();
  absl::Status List();
  absl::Status Watch();
  absl::Status Take(const WatchEvent& event);
  // Not later than that revision: it was seen already.
  bool IsOld(const std::string& revision) const;
  void NoteContact();
  // False if it was cancelled.
  bool WaitAfter(const absl::Status& error);
  template <typename Change>
  void ChangeStatus(const Change& change);

  const ApiClient* const client_;
  const ReflectorSettings settings_;
  ResourceSink* const sink_;
  Cancellation cancellation_;

  // The thread's own.
  Backoff backoff_;
  std::string revision_;  // up to which all is known; empty: list
  bool was_unauthenticated_ = false;

  mutable std::mutex mutex_;
  ReflectorStatus status_;

  std::thread thread_;
};

}  // namespace podwarp
