// A Kubernetes API server for tests, over TLS, which fails when it is told to.
//
// Serves lists (limit, continue, fieldSelector), single objects, watches (resourceVersion,
// bookmarks), merge patches of objects and POSTs of events, in the shapes that a real server was
// recorded with.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "kubernetes/cluster_access.h"
#include "support/kube_certificates.h"
#include "support/kube_objects.h"

namespace httplib {
class DataSink;
class SSLServer;
struct Request;
struct Response;
}  // namespace httplib

namespace podwarp::test {

// What requests are answered with instead, if their method, blank and target, as in
// "GET /api/v1/pods?limit=500", have `part`.
struct KubeRefusal {
  std::string part;
  int code = 500;
  std::string body = {};
  std::string retry_after = {};  // the header
  int count = 1;                 // so many of them; -1: all
};

// Any thread.
class KubeServer {
 public:
  struct Settings {
    std::string address = "127.0.0.1";
    int port = 0;  // 0: any
    // What its certificate is for.
    std::vector<std::string> hosts = {"127.0.0.1", "localhost"};
    absl::Duration bookmark_interval = absl::Seconds(60);
  };

  KubeServer();
  explicit KubeServer(Settings settings);
  ~KubeServer();

  KubeObjects& objects() { return objects_; }
  const KubeAuthority& authority() const { return authority_; }
  const std::string& certificate() const { return certificate_.certificate; }  // PEM
  std::string url() const;
  // For a client: the CA, and the token if one is wanted.
  ClusterAccess access() const;

  // Every request must have this bearer token ("": none is asked for), or a client certificate of
  // the authority's.
  void SetToken(std::string token);

  void Refuse(KubeRefusal refusal);
  void ForgiveAll();
  // Watches that are open now: ended in order, or cut off, in the middle of an event or not.
  void EndWatches();
  void CutWatches(bool within_line);
  // They get these lines, and then are ended.
  void SendToWatches(std::string lines);
  // Until Resume(), what is asked isn't answered, and watches say nothing.
  void Hang();
  void Resume();
  // Every answer, and every event of a watch, comes so much later.
  void SetDelay(absl::Duration delay);
  // Nobody listens; then somebody does, on the same port.
  void Close();
  void Open();

  // "GET /api/v1/pods?limit=500", in the order in which they came.
  std::vector<std::string> requests() const;
  void ForgetRequests();
  size_t open_watches() const;

 private:
  // A watch that is open.
  struct Stream {
    std::string resource;
    KubeSelector selector;
    uint64_t revision;
    bool has_bookmarks;
    absl::Time end;
    absl::Time next_bookmark;
    // What it is told to send instead of events.
    std::string lines = {};
    bool is_cut = false;
    bool is_ended = false;
  };

  void Serve(const httplib::Request& request, httplib::Response* response);
  // False if the request was refused, and is answered.
  bool Admit(const httplib::Request& request, httplib::Response* response);
  void Get(const httplib::Request& request, httplib::Response* response);
  void List(const std::string& resource, const httplib::Request& request,
            httplib::Response* response);
  void Watch(const std::string& resource, const httplib::Request& request,
             httplib::Response* response);
  bool WatchOn(Stream* stream, httplib::DataSink* sink);
  void Patch(const httplib::Request& request, httplib::Response* response);
  void Post(const httplib::Request& request, httplib::Response* response);
  void ToWatches(std::string lines, bool is_end);
  void WaitWhileHanging();

  const Settings settings_;
  const KubeAuthority authority_;
  const KubeAuthority::Issued certificate_;
  KubeObjects objects_;

  mutable std::mutex mutex_;
  std::condition_variable resumed_;
  std::string token_;
  std::vector<KubeRefusal> refusals_;
  std::vector<std::string> requests_;
  std::list<Stream> streams_;
  absl::Duration delay_;
  bool is_hanging_ = false;
  bool is_closing_ = false;

  std::unique_ptr<httplib::SSLServer> server_;
  int port_ = 0;
  std::thread thread_;
};

// A Status, as servers send it.
std::string KubeStatus(int code, const std::string& reason, const std::string& message);

}  // namespace podwarp::test
