// Lists of what has a ToString(), as documents have them.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "control/document.h"

namespace podwarp {

template <typename T>
Document TextList(const std::vector<T>& values) {
  Document list = Document::array();
  for (const T& value : values) list.push_back(value.ToString());
  return list;
}

}  // namespace podwarp
