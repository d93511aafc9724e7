// Reports in the words of telemetry's answers.
#pragma once

#include "telemetry/answer.h"
#include "telemetry/report.h"

namespace podwarp {

AnswerDict Describe(const PortReport& port);
AnswerDict Describe(const PodReport& pod);
AnswerDict Describe(const RemoteNodeReport& node);
AnswerDict Describe(const AddressReport& address);
AnswerDict Describe(const WorkerReport& worker);
AnswerDict Describe(const DropReport& drop);

}  // namespace podwarp
