#include "control/address_owners.h"

#include <glog/logging.h>

#include "absl/strings/str_cat.h"

namespace podwarp {
namespace {

absl::Status NoSuchOwner(const std::string& name) {
  return absl::NotFoundError(absl::StrCat("there is no ", name));
}

}  // namespace

absl::Status AddressOwners::Add(const std::string& name, const Adjacency& adjacency) {
  if (owners_.contains(name)) {
    return absl::AlreadyExistsError(absl::StrCat("there is a ", name, " already"));
  }
  const absl::StatusOr<AdjacencyIndex> index = tables_.adjacencies.Add(adjacency);
  if (!index.ok()) return index.status();
  owners_[name].adjacency = *index;
  names_[*index] = name;
  return absl::OkStatus();
}

absl::Status AddressOwners::Change(const std::string& name, const Adjacency& adjacency,
                                   const std::function<void()>& publish_others) {
  const auto owner = owners_.find(name);
  if (owner == owners_.end()) return NoSuchOwner(name);
  const absl::StatusOr<AdjacencyIndex> index = tables_.adjacencies.Add(adjacency);
  if (!index.ok()) return index.status();
  const AdjacencyIndex old = owner->second.adjacency;
  for (const Ipv4Prefix& prefix : owner->second.prefixes) {
    // The prefix has its place in the table already: pointing it elsewhere needs no memory.
    CHECK(tables_.routes.Set(prefix, *index).ok());
  }
  owner->second.adjacency = *index;
  names_.erase(old);
  names_[*index] = name;
  publish_others();
  tables_.adjacencies.Remove(old);
  return absl::OkStatus();
}

absl::Status AddressOwners::Remove(const std::string& name) {
  const auto owner = owners_.find(name);
  if (owner == owners_.end()) return NoSuchOwner(name);
  for (const Ipv4Prefix& prefix : owner->second.prefixes) {
    Unroute(prefix);
    holdings_[prefix].owner.clear();
  }
  names_.erase(owner->second.adjacency);
  tables_.adjacencies.Remove(owner->second.adjacency);
  owners_.erase(owner);
  return absl::OkStatus();
}

absl::Status AddressOwners::Claim(const std::string& name, const Ipv4Prefix& prefix,
                                  uint64_t generation) {
  const auto owner = owners_.find(name);
  if (owner == owners_.end()) return NoSuchOwner(name);
  if (absl::Status status = CheckGeneration(prefix, generation); !status.ok()) return status;
  if (absl::Status status = tables_.routes.Set(prefix, owner->second.adjacency); !status.ok()) {
    return status;
  }
  Holding& holding = holdings_[prefix];
  if (!holding.owner.empty()) owners_[holding.owner].prefixes.erase(prefix);
  holding = {name, generation};
  owners_[name].prefixes.insert(prefix);
  return absl::OkStatus();
}

absl::Status AddressOwners::Release(const std::string& name, const Ipv4Prefix& prefix,
                                    uint64_t generation) {
  if (absl::Status status = CheckGeneration(prefix, generation); !status.ok()) return status;
  Holding& holding = holdings_[prefix];
  const bool has_moved_on = !holding.owner.empty() && holding.owner != name;
  if (has_moved_on) return absl::OkStatus();
  if (holding.owner == name) {
    Unroute(prefix);
    owners_[name].prefixes.erase(prefix);
  }
  holding = {"", generation};  // also if its claim is still to come: that one is older
  return absl::OkStatus();
}

const AddressOwners::Owner* AddressOwners::Find(std::string_view name) const {
  const auto owner = owners_.find(std::string(name));
  return owner == owners_.end() ? nullptr : &owner->second;
}

std::string_view AddressOwners::HolderOf(const Ipv4Prefix& prefix) const {
  const auto holding = holdings_.find(prefix);
  return holding == holdings_.end() ? std::string_view() : holding->second.owner;
}

std::string_view AddressOwners::OwnerOf(Ipv4Address address) const {
  return NameOf(tables_.routes.Lookup(address));
}

std::string_view AddressOwners::NameOf(AdjacencyIndex adjacency) const {
  const auto name = names_.find(adjacency);
  return name == names_.end() ? std::string_view() : name->second;
}

absl::Status AddressOwners::CheckGeneration(const Ipv4Prefix& prefix, uint64_t generation) const {
  const auto holding = holdings_.find(prefix);
  if (holding == holdings_.end() || generation >= holding->second.generation) {
    return absl::OkStatus();
  }
  const std::string& owner = holding->second.owner;
  return absl::FailedPreconditionError(absl::StrCat(
      prefix.ToString(), ": the change has generation ", generation, ", but generation ",
      holding->second.generation, " is known already (", owner.empty() ? "released" : owner, ")"));
}

void AddressOwners::Unroute(const Ipv4Prefix& prefix) {
  CHECK(tables_.routes.Remove(prefix).ok()) << prefix.ToString();
}

}  // namespace podwarp
