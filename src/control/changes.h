// What changes when a desired state takes the place of another: object by object, in an order in
// which each change can be made by itself.
//
// Pure functions on plain data, for any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "control/config.h"
#include "control/objects.h"

namespace podwarp {

class DesiredState;

// One object: it comes, goes, or becomes another of the same kind and key. At least one is set.
struct Change {
  std::optional<Object> before;
  std::optional<Object> after;

  friend bool operator==(const Change&, const Change&) = default;
};

// "pod default/web-1 changes"
std::string Describe(const Change& change);

// No address is left without its owner in between: what comes takes it over, and stands before what
// goes. Only a pod's port, and the underlay address that a node is asked for at, have to be free
// before another can have them. Nodes stand before the routes that lead to them, and after them
// when they go. A service whose address changes goes and comes again, so that addresses can be
// handed round. An external address or a node port that another is to have is let go of first, by a
// change of its own.
std::vector<Change> ChangesBetween(const DesiredState& before, const DesiredState& after);

// Whether `read` differs from `running` only in what can be changed while podwarp runs: pods,
// nodes, routes, services and the hairpin mode. Errors: FailedPrecondition that names every other
// key that differs.
absl::Status CheckReloadable(const Config& running, const Config& read);

}  // namespace podwarp
