// What each telemetry command answers (commands.h). `argument` is what stands after the comma;
// what is wrong with it stands under "error".
//
// Thread rule: the control thread, but for what is said otherwise.
#pragma once

#include <functional>
#include <string_view>

#include "control/kubernetes_status.h"
#include "control/node.h"
#include "telemetry/answer.h"

namespace podwarp {

AnswerDict AnswerPorts(const Node& node, std::string_view argument);     // START
AnswerDict AnswerPods(const Node& node, std::string_view argument);      // START
AnswerDict AnswerNodes(const Node& node, std::string_view argument);     // START
AnswerDict AnswerServices(const Node& node, std::string_view argument);  // START
AnswerDict AnswerWorkers(const Node& node, std::string_view argument);   // START
AnswerDict AnswerArp(const Node& node, std::string_view argument);       // START, or an address

AnswerDict AnswerPort(const Node& node, std::string_view argument);     // its name
AnswerDict AnswerPod(const Node& node, std::string_view argument);      // "namespace/name"
AnswerDict AnswerRoute(const Node& node, std::string_view argument);    // an address
AnswerDict AnswerStages(const Node& node, std::string_view argument);   // LCORE, or nothing
AnswerDict AnswerLatency(const Node& node, std::string_view argument);  // LCORE, or nothing
// A reason; "all", for the frames of each; else START of those that have happened.
AnswerDict AnswerDrops(const Node& node, std::string_view argument);
AnswerDict AnswerVersion(const Node& node, std::string_view argument);

// "", for the totals, or "service=default/web,state=new" and what else ConnectionQuery knows, for a
// page of connections. By a thread of its own, which has the control thread ask the node, in turns;
// `ask` is false if that doesn't run (any more).
AnswerDict AnswerConnections(
    const std::function<bool(const std::function<void(const Node&)>&)>& ask,
    std::string_view argument);

AnswerDict AnswerKubernetes(const KubernetesStatus& status);  // any thread

}  // namespace podwarp
