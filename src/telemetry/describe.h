// Reports in words: the same ones for telemetry, as AnswerDict, and for the API, as JsonAnswer.
#pragma once

#include "control/kubernetes_status.h"
#include "telemetry/answer.h"
#include "telemetry/connection_search.h"
#include "telemetry/json_answer.h"
#include "telemetry/report.h"

namespace podwarp {

template <typename Answer>
Answer Describe(const PortReport& port);
template <typename Answer>
Answer Describe(const PodReport& pod);
template <typename Answer>
Answer Describe(const RemoteNodeReport& node);
template <typename Answer>
Answer Describe(const ServiceReport& service);
template <typename Answer>
Answer Describe(const ConnectionsReport& connections);
template <typename Answer>
Answer Describe(const ConnectionReport& connection);
template <typename Answer>
Answer Describe(const AddressReport& address);
template <typename Answer>
Answer Describe(const RouteReport& route);
template <typename Answer>
Answer Describe(const WorkerReport& worker);
template <typename Answer>
Answer Describe(const DropReport& drop);
template <typename Answer>
Answer Describe(const StageReport& stage);
template <typename Answer>
Answer Describe(const LatencyReport& latency);  // in microseconds
template <typename Answer>
Answer Describe(const KubernetesStatus& kubernetes);  // without its resources
template <typename Answer>
Answer Describe(const KubernetesStatus::Resource& resource);

}  // namespace podwarp
