// What a large cluster costs a node that follows its API server: the time to the first full sync,
// memory, and how fast changes come through. Prints a line for each, and one of JSON in the end.
//
//   bench_kubernetes [--nodes=5000 --pods=20000 --services=10000] [--changes=20000]
//
// The server is a process of its own, over TLS on loopback; four Reflectors follow all nodes, pods,
// services and slices, as podwarp does with watch_all_pods. Their sinks keep nothing but a count:
// it is the client that is measured. Changes are made while the server is silent, so that making
// them isn't counted.
#include <gflags/gflags.h>
#include <glog/logging.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "kubernetes/reflector.h"
#include "load/kube_cluster.h"
#include "support/kube_server.h"

DEFINE_int32(nodes, 5'000, "of the cluster");
DEFINE_int32(pods, 20'000, "of the cluster");
DEFINE_int32(services, 10'000, "of the cluster, each with a slice of three endpoints");
DEFINE_int32(changes, 20'000, "of pods, and of slices");

namespace podwarp::test {
namespace {

using Json = nlohmann::json;

// Lines between the two processes.
class Pipe {
 public:
  Pipe() { PCHECK(pipe(ends_) == 0); }
  void Say(const std::string& line) const {
    const std::string whole = line + "\n";
    PCHECK(write(ends_[1], whole.data(), whole.size()) == static_cast<ssize_t>(whole.size()));
  }
  // Empty when nobody can say anything any more.
  std::string Hear() const {
    std::string line;
    for (char c; read(ends_[0], &c, 1) == 1 && c != '\n';) line += c;
    return line;
  }
  void OnlySay() { PCHECK(close(ends_[0]) == 0); }
  void OnlyHear() { PCHECK(close(ends_[1]) == 0); }

 private:
  int ends_[2];
};

int Changed() { return FLAGS_changes; }

// The server's process, until its commands end.
void Serve(const Pipe& commands, const Pipe& answers) {
  signal(SIGPIPE, SIG_IGN);
  const KubeCluster cluster({.nodes = FLAGS_nodes, .pods = FLAGS_pods, .services = FLAGS_services},
                            PODWARP_RECORDED);
  KubeServer server;
  const size_t bytes = cluster.Fill(&server.objects());
  answers.Say(
      Json{{"server", server.url()}, {"ca", server.authority().certificate()}, {"bytes", bytes}}
          .dump());
  int turn = 0;
  for (std::string command; command = commands.Hear(), !command.empty();) {
    if (command == "resume") {
      server.Resume();
      continue;
    }
    server.Hang();
    ++turn;
    for (int i = 0; i < Changed(); ++i) {
      if (command == "pods") {
        server.objects().Put(KubeCluster::kPods,
                             cluster.Pod(i % FLAGS_pods, turn + i / FLAGS_pods));
      } else {
        server.objects().Put(KubeCluster::kSlices,
                             cluster.Slice(i % FLAGS_services, turn + i / FLAGS_services));
      }
    }
    answers.Say("changed");
  }
}

class CountingSink : public ResourceSink {
 public:
  void BeginList() override {}
  void EndList() override {}
  void Put(const Json& /*object*/) override { ++puts; }
  void Delete(const Json& /*object*/) override {}

  std::atomic<int> puts{0};
};

// "VmRSS" or "VmHWM", the most it has been.
double Megabytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kilobytes = 0;
    if (word == key + ":" && status >> kilobytes) return kilobytes / 1024;
  }
  return 0;
}

class Bench {
 public:
  Bench(const Pipe& commands, const Pipe& answers) : commands_(commands), answers_(answers) {}

  void Run() {
    const Json said = Json::parse(answers_.Hear());
    ClusterAccess access;
    access.server = said["server"].get<std::string>();
    access.ca.text = said["ca"].get<std::string>();
    const auto client = ApiClient::Open(access);
    CHECK(client.ok()) << client.status();
    Sync(client->get(), said["bytes"].get<double>() / 1e6);
    Change("pods", &sinks_[1]);
    Change("slices", &sinks_[3]);
    std::printf("%s\n", result_.dump().c_str());
  }

 private:
  void Sync(const ApiClient* client, double megabytes) {
    const double before = Megabytes("VmRSS");
    const absl::Time begin = absl::Now();
    const char* const paths[] = {KubeCluster::kNodes, KubeCluster::kPods, KubeCluster::kServices,
                                 KubeCluster::kSlices};
    for (int i = 0; i < 4; ++i) {
      ReflectorSettings settings;
      settings.path = paths[i];
      reflectors_.push_back(std::make_unique<Reflector>(client, settings, &sinks_[i]));
    }
    int objects = 0;
    for (const auto& reflector : reflectors_) {
      while (reflector->Status().watches == 0) absl::SleepFor(absl::Milliseconds(1));
      objects += static_cast<int>(reflector->Status().objects);
    }
    const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
    const double grown = Megabytes("VmRSS") - before;
    const double most = Megabytes("VmHWM") - before;
    std::printf("first sync: %d objects, %.0f MB of JSON, in %.2f s\n", objects, megabytes,
                seconds);
    std::printf("memory: %.1f MiB more than before, %.1f MiB at most\n", grown, most);
    result_["objects"] = objects;
    result_["sync_seconds"] = seconds;
    result_["memory_mib"] = grown;
    result_["most_memory_mib"] = most;
  }

  void Change(const std::string& what, CountingSink* sink) {
    const int wanted = sink->puts + Changed();
    commands_.Say(what);
    CHECK_EQ(answers_.Hear(), "changed");
    CHECK_LT(sink->puts, wanted) << "the server wasn't silent";
    const int first = sink->puts;
    const absl::Time begin = absl::Now();
    commands_.Say("resume");
    while (sink->puts < wanted) absl::SleepFor(absl::Milliseconds(1));
    const double rate = (wanted - first) / absl::ToDoubleSeconds(absl::Now() - begin);
    std::printf("changes of %s: %.0f a second\n", what.c_str(), rate);
    result_[what + "_changes_per_second"] = rate;
    result_["memory_after_" + what + "_mib"] = Megabytes("VmRSS");
  }

  const Pipe& commands_;
  const Pipe& answers_;
  CountingSink sinks_[4];
  std::vector<std::unique_ptr<Reflector>> reflectors_;
  Json result_;
};

int Main() {
  Pipe commands, answers;
  const pid_t server = fork();
  PCHECK(server >= 0);
  if (server == 0) {
    commands.OnlyHear();
    answers.OnlySay();
    Serve(commands, answers);
    _exit(0);
  }
  commands.OnlySay();
  answers.OnlyHear();
  Bench(commands, answers).Run();
  commands.Say("");
  PCHECK(waitpid(server, nullptr, 0) == server);
  return 0;
}

}  // namespace
}  // namespace podwarp::test

int main(int argc, char** argv) {
  google::InitGoogleLogging(argv[0]);
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  return podwarp::test::Main();
}
