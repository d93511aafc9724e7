#include "telemetry/commands.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <shared_mutex>

#include "absl/strings/str_cat.h"
#include "telemetry/answer.h"
#include "telemetry/command_answers.h"

namespace podwarp {
namespace {

// Each client has a thread in DPDK, which holds the mutex shared while it waits for its answer.
std::shared_mutex mutex;
const Node* answered_node = nullptr;
ControlLoop* answered_loop = nullptr;
KubernetesStatusSource answered_kubernetes;

template <AnswerDict (*command)(const Node&, std::string_view)>
int Answer(const char*, const char* params, rte_tel_data* data) {
  AnswerDict answer;
  const std::string_view argument = params == nullptr ? std::string_view() : params;
  {
    const std::shared_lock lock(mutex);
    const bool is_answered = answered_loop != nullptr && answered_loop->Call([&] {
      answer = command(*answered_node, argument);
    });
    if (!is_answered) answer = AnswerError("podwarp is stopping");
  }
  WriteAnswer(answer, data);
  return 0;
}

// Not by the control thread: it looks at all connections in turns.
int AnswerConnectionsCommand(const char*, const char* params, rte_tel_data* data) {
  AnswerDict answer;
  {
    const std::shared_lock lock(mutex);
    const auto ask = [](const std::function<void(const Node&)>& question) {
      return answered_loop != nullptr && answered_loop->Call([&] { question(*answered_node); });
    };
    answer = AnswerConnections(ask, params == nullptr ? std::string_view() : params);
  }
  WriteAnswer(answer, data);
  return 0;
}

// Not by the control thread: who knows may wait for it.
int AnswerKubernetesCommand(const char*, const char*, rte_tel_data* data) {
  AnswerDict answer;
  {
    const std::shared_lock lock(mutex);
    answer = answered_loop == nullptr         ? AnswerError("podwarp is stopping")
             : answered_kubernetes == nullptr ? AnswerError("Kubernetes isn't followed")
                                              : AnswerKubernetes(answered_kubernetes());
  }
  WriteAnswer(answer, data);
  return 0;
}

struct Command {
  const char* path;
  telemetry_cb answer;
  std::string_view help;
};

// What each returns, and its parameters.
constexpr Command kCommands[] = {
    {"/podwarp/arp", Answer<AnswerArp>,
     "Who has which addresses, and what ARP answers. Parameters: START (first entry), or one "
     "address"},
    {"/podwarp/connections", AnswerConnectionsCommand,
     "Connections to services: totals. Parameters: pod=, service=, address=, state=, start= "
     "(commas between): a page of them"},
    {"/podwarp/drops", Answer<AnswerDrops>,
     "Frames dropped by reason: count, meaning, last ports and pods. Parameters: START, a reason, "
     "or all (counts only)"},
    {"/podwarp/kubernetes", AnswerKubernetesCommand,
     "Kubernetes: whether its API server is followed, and each kind of its objects. No parameters"},
    {"/podwarp/latency", Answer<AnswerLatency>,
     "Microseconds from receive to transmit, sampled: percentiles. Parameters: LCORE (of one "
     "worker)"},
    {"/podwarp/nodes", Answer<AnswerNodes>,
     "Remote nodes: MAC, addresses, uplink. Parameters: START (first entry)"},
    {"/podwarp/pod", Answer<AnswerPod>,
     "One pod: addresses, state and why it is down, frames, drops by reason. Parameters: "
     "NAMESPACE/NAME"},
    {"/podwarp/pods", Answer<AnswerPods>,
     "Pods of this node: addresses, state, conflicts, frames. Parameters: START (first entry)"},
    {"/podwarp/port", Answer<AnswerPort>,
     "One port: driver, state and why it is down, frames, drops by reason. Parameters: its name"},
    {"/podwarp/ports", Answer<AnswerPorts>,
     "Ports: driver, state, frames and bytes, device errors. Parameters: START (first entry)"},
    {"/podwarp/route", Answer<AnswerRoute>,
     "What becomes of a pod's frame to an address: owner, next hop, port, services. Parameters: "
     "the address"},
    {"/podwarp/services", Answer<AnswerServices>,
     "Services: each port with its addresses, and its ready and terminating backends. "
     "Parameters: START (first entry)"},
    {"/podwarp/stages", Answer<AnswerStages>,
     "Stages of a frame's way: cycles a frame, frames a burst, sampled. Parameters: LCORE (of one "
     "worker)"},
    {"/podwarp/version", Answer<AnswerVersion>,
     "Versions of podwarp and DPDK, and which node this is. Takes no parameters"},
    {"/podwarp/workers", Answer<AnswerWorkers>,
     "Workers: queues, frames, busy share, cycles a frame. Parameters: START (first entry)"},
};
static_assert(std::all_of(std::begin(kCommands), std::end(kCommands), [](const Command& command) {
  return command.help.size() < RTE_TEL_MAX_STRING_LEN;
}));

// DPDK can't take a command back, and would list one twice.
absl::Status RegisterOnce() {
  static const absl::Status kRegistered = [] {
    for (const Command& command : kCommands) {
      if (const int error =
              rte_telemetry_register_cmd(command.path, command.answer, command.help.data());
          error != 0) {
        return absl::InternalError(
            absl::StrCat("telemetry command ", command.path, ": ", std::strerror(-error)));
      }
    }
    return absl::OkStatus();
  }();
  return kRegistered;
}

}  // namespace

absl::Status StartTelemetry(const Node* node, ControlLoop* loop,
                            KubernetesStatusSource kubernetes) {
  {
    const std::unique_lock lock(mutex);
    answered_node = node;
    answered_loop = loop;
    answered_kubernetes = std::move(kubernetes);
  }
  return RegisterOnce();
}

void StopTelemetry() {
  const std::unique_lock lock(mutex);
  answered_node = nullptr;
  answered_loop = nullptr;
  answered_kubernetes = nullptr;
}

}  // namespace podwarp
