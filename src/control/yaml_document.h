// YAML as a Document, and back.
#pragma once

#include <yaml-cpp/yaml.h>

#include "control/config_faults.h"
#include "control/document.h"

namespace podwarp {

// All of the file, with the line of every key told to `faults`. A key that is given again, one that
// isn't a word, and aliases that unfold without an end or to more than `most_values`, are faults;
// the first of equal keys counts.
// REQUIRES: root is a mapping.
Document FromYaml(const YAML::Node& root, size_t most_values, ConfigFaults* faults);

// Lists of single values stand on one line each.
YAML::Node ToYamlNode(const Document& document);

}  // namespace podwarp
