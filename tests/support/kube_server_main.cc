// The API server for system tests, as a program.
//
//   kube_server --folder=DIR [--address=127.0.0.1] [--port=0] [--hosts=NAME,ADDRESS]
//   [--token=TOKEN]
//
// writes DIR/kubeconfig, and DIR/ca.crt, DIR/token and DIR/namespace as a pod's service account has
// them, prints "ready URL", and serves until SIGTERM. It is told what to do at DIR/control, a Unix
// socket that speaks HTTP:
//
//   PUT    /api/v1/pods                             adds or replaces the object in the body
//   DELETE /api/v1/namespaces/default/pods/web-1    takes it away
//   GET    /api/v1/pods, or one                     as the server has it
//   PUT    /load?resource=/api/v1/pods              a recorded list
//   POST   /end, /cut?within_line=true, /expire     the watches that are open
//   POST   /hang, /resume, /close, /open            as if the server were stuck, or away
//   POST   /delay?milliseconds=5
//   PUT    /token?files=false                       from now the body's; DIR/token keeps the old
//   POST   /refuse?part=T&code=403                  with the body; &count=1&retry_after=2
//   POST   /forgive                                 no more refusals
//   GET    /requests                                what was asked, a list; DELETE forgets
//   GET    /watches                                 how many are open
//
// A POST has a length, if of nothing: curl -d ''.
#include <gflags/gflags.h>
#include <httplib.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "support/kube_path.h"
#include "support/kube_server.h"

DEFINE_string(folder, "", "where kubeconfig, ca.crt, token and the control socket go");
DEFINE_string(address, "127.0.0.1", "to listen on");
DEFINE_int32(port, 0, "to listen on; 0: any");
DEFINE_string(hosts, "", "what the certificate is for, the first is the URL's; empty: the address");
DEFINE_string(token, "", "that clients must have; empty: none");
DEFINE_int32(bookmark_seconds, 60, "between bookmarks");

namespace podwarp::test {
namespace {

using httplib::Request;
using httplib::Response;
using Json = nlohmann::json;

void Write(const std::filesystem::path& path, const std::string& text) {
  // By renaming, as kubelet: a reader never sees half of it.
  const std::string half = path.string() + ".new";
  std::ofstream(half) << text;
  std::filesystem::rename(half, path);
}

// JSON is YAML.
std::string Kubeconfig(const std::string& url) {
  return Json{
      {"apiVersion", "v1"},
      {"kind", "Config"},
      {"current-context", "test"},
      {"contexts", {{{"name", "test"}, {"context", {{"cluster", "test"}, {"user", "test"}}}}}},
      {"clusters",
       {{{"name", "test"}, {"cluster", {{"server", url}, {"certificate-authority", "ca.crt"}}}}}},
      {"users", {{{"name", "test"}, {"user", {{"tokenFile", "token"}}}}}}}
      .dump(2);
}

class Control {
 public:
  Control(KubeServer* server, std::filesystem::path folder)
      : server_(server), folder_(std::move(folder)) {
    Route();
    const std::string socket = (folder_ / "control").string();
    unlink(socket.c_str());
    http_.set_address_family(AF_UNIX);
    if (!http_.bind_to_port(socket, 80)) {
      std::cerr << "can't listen on " << socket << "\n";
      std::exit(1);
    }
    thread_ = std::thread([this] { http_.listen_after_bind(); });
  }
  ~Control() {
    http_.stop();
    thread_.join();
  }

 private:
  void Route() {
    const auto answer = [](Response* response, int status, const std::string& body) {
      response->status = status;
      response->set_content(body, "application/json");
    };
    // One without a name in its path is a resource's.
    const auto resource_of = [](const Request& request) {
      return KubeObjects::KindOf(request.path).empty() ? std::string() : request.path;
    };
    http_.Put("/apis?/.*", [=, this](const Request& request, Response& response) {
      const Json object = Json::parse(request.body, nullptr, false);
      if (resource_of(request).empty() || !object.is_object()) return answer(&response, 400, "{}");
      answer(&response, 200, server_->objects().Put(request.path, object).dump());
    });
    http_.Get("/apis?/.*", [=, this](const Request& request, Response& response) {
      if (!resource_of(request).empty()) {
        Json list = Json::array();
        for (const std::string& item : server_->objects().List(request.path, {}, "", 0).items) {
          list.push_back(Json::parse(item));
        }
        return answer(&response, 200, list.dump());
      }
      const KubePath place = KubePlace(request.path);
      const std::optional<Json> object = server_->objects().Find(place.resource, place.key);
      answer(&response, object ? 200 : 404, object ? object->dump() : "{}");
    });
    http_.Delete("/apis?/.*", [=, this](const Request& request, Response& response) {
      const KubePath place = KubePlace(request.path);
      answer(&response, server_->objects().Delete(place.resource, place.key) ? 200 : 404, "{}");
    });
    http_.Put("/load", [=, this](const Request& request, Response& response) {
      server_->objects().Load(request.get_param_value("resource"), Json::parse(request.body));
      answer(&response, 200, "{}");
    });
    http_.Put("/token", [=, this](const Request& request, Response& response) {
      server_->SetToken(request.body);
      if (request.get_param_value("files") != "false") Write(folder_ / "token", request.body);
      answer(&response, 200, "{}");
    });
    http_.Get("/requests", [=, this](const Request&, Response& response) {
      answer(&response, 200, Json(server_->requests()).dump());
    });
    http_.Delete("/requests", [=, this](const Request&, Response& response) {
      server_->ForgetRequests();
      answer(&response, 200, "{}");
    });
    http_.Get("/watches", [=, this](const Request&, Response& response) {
      answer(&response, 200, Json(server_->open_watches()).dump());
    });
    http_.Post("/refuse", [=, this](const Request& request, Response& response) {
      const std::string count = request.get_param_value("count");
      server_->Refuse({.part = request.get_param_value("part"),
                       .code = std::atoi(request.get_param_value("code").c_str()),
                       .body = request.body,
                       .retry_after = request.get_param_value("retry_after"),
                       .count = count.empty() ? 1 : std::atoi(count.c_str())});
      answer(&response, 200, "{}");
    });
    const auto on_post = [&](const char* path, std::function<void(const Request&)> act) {
      http_.Post(path, [=](const Request& request, Response& response) {
        act(request);
        answer(&response, 200, "{}");
      });
    };
    on_post("/forgive", [this](const Request&) { server_->ForgiveAll(); });
    on_post("/end", [this](const Request&) { server_->EndWatches(); });
    on_post("/cut", [this](const Request& request) {
      server_->CutWatches(request.get_param_value("within_line") == "true");
    });
    on_post("/expire", [this](const Request&) { server_->objects().Compact(); });
    on_post("/hang", [this](const Request&) { server_->Hang(); });
    on_post("/resume", [this](const Request&) { server_->Resume(); });
    on_post("/close", [this](const Request&) { server_->Close(); });
    on_post("/open", [this](const Request&) { server_->Open(); });
    on_post("/delay", [this](const Request& request) {
      server_->SetDelay(
          absl::Milliseconds(std::atoi(request.get_param_value("milliseconds").c_str())));
    });
  }

  KubeServer* const server_;
  const std::filesystem::path folder_;
  httplib::Server http_;
  std::thread thread_;
};

int Main() {
  sigset_t ends;
  sigemptyset(&ends);
  for (const int number : {SIGTERM, SIGINT}) sigaddset(&ends, number);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);  // before any thread

  const std::filesystem::path folder = FLAGS_folder;
  std::filesystem::create_directories(folder);
  const std::string hosts = FLAGS_hosts.empty() ? FLAGS_address : FLAGS_hosts;
  KubeServer server({.address = FLAGS_address,
                     .port = FLAGS_port,
                     .hosts = absl::StrSplit(hosts, ','),
                     .bookmark_interval = absl::Seconds(FLAGS_bookmark_seconds)});
  server.SetToken(FLAGS_token);
  Write(folder / "ca.crt", server.authority().certificate());
  // A file that is empty would be a fault.
  Write(folder / "token", FLAGS_token.empty() ? "none" : FLAGS_token);
  Write(folder / "namespace", "default");
  Write(folder / "kubeconfig", Kubeconfig(server.url()));
  const Control control(&server, folder);
  std::cout << "ready " << server.url() << std::endl;
  int number = 0;
  sigwait(&ends, &number);
  return 0;
}

}  // namespace
}  // namespace podwarp::test

int main(int argc, char** argv) {
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  if (FLAGS_folder.empty()) {
    std::cerr << "kube_server: --folder is missing\n";
    return 1;
  }
  return podwarp::test::Main();
}
