#include "dataplane/stages.h"

namespace podwarp {

void Route(WorkerContext& context, Burst& burst) {
  context.tables.routes.LookupBulk(burst.destinations, burst.adjacencies, burst.count);
}

}  // namespace podwarp
