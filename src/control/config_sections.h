// The sections of the configuration file, and the objects of the API: which keys there are, and
// what each may be.
#pragma once

#include "control/config.h"
#include "control/config_reader.h"

namespace podwarp {

// Reads the whole file, in the order of configs/example.yaml. What it leaves out keeps its default;
// what derives from other values (names, MACs) stays empty.
void ReadConfig(MappingReader* file, Config* config);

// One of the objects, by the same rules wherever it stands.
void ReadPod(MappingReader* reader, PodConfig* pod);
void ReadRemoteNode(MappingReader* reader, RemoteNodeConfig* remote);
void ReadRoute(MappingReader* reader, RouteConfig* route);
void ReadService(MappingReader* reader, ServiceConfig* service);

}  // namespace podwarp
