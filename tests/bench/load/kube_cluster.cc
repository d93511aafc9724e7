#include "load/kube_cluster.h"

#include <glog/logging.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace podwarp::test {
namespace {

using Json = nlohmann::json;

Json FirstOf(const std::string& file) {
  std::ifstream stream(file);
  CHECK(stream.good()) << file;
  return Json::parse(stream).at("items").at(0);
}

std::string Name(const char* kind, int number) { return absl::StrFormat("%s-%05d", kind, number); }

std::string Uid(int kind, int number) {
  return absl::StrFormat("%08x-0000-4000-8000-%012x", kind, number);
}

// Of a range of 4,194,304.
std::string Address(int first, int number) {
  return absl::StrCat(first + (number >> 16), ".", (number >> 8) & 255, ".", number & 255, ".1");
}

void Rename(const std::string& name, const std::string& uid, Json* object) {
  (*object)["metadata"]["name"] = name;
  (*object)["metadata"]["uid"] = uid;
}

}  // namespace

KubeCluster::KubeCluster(KubeClusterSize size, const std::string& recorded)
    : size_(size),
      node_(FirstOf(recorded + "/nodes.list.json")),
      pod_(FirstOf(recorded + "/pods-dual.list.json")),
      service_(FirstOf(recorded + "/services.list.json")),
      slice_(FirstOf(recorded + "/endpointslices-dual.list.json")) {}

Json KubeCluster::Node(int number) const {
  Json node = node_;
  Rename(Name("node", number), Uid(1, number), &node);
  const std::string range = absl::StrCat("10.", 64 + (number >> 8), ".", number & 255, ".0/24");
  node["spec"]["podCIDR"] = range;
  node["spec"]["podCIDRs"] = {range};
  node["status"]["addresses"][0]["address"] =
      absl::StrCat("192.168.", number >> 8, ".", number & 255);
  return node;
}

Json KubeCluster::Pod(int number, int turn) const {
  Json pod = pod_;
  Rename(Name("pod", number), Uid(2, number), &pod);
  const std::string address = Address(64, number + turn * size_.pods);
  pod["spec"]["nodeName"] = Name("node", number % size_.nodes);
  pod["status"]["phase"] = "Running";
  pod["status"]["podIP"] = address;
  pod["status"]["podIPs"] = {{{"ip", address}}};
  return pod;
}

Json KubeCluster::Service(int number) const {
  Json service = service_;
  Rename(Name("service", number), Uid(3, number), &service);
  const std::string address = absl::StrCat("10.96.", number >> 8, ".", number & 255);
  service["spec"]["clusterIP"] = address;
  service["spec"]["clusterIPs"] = {address};
  return service;
}

Json KubeCluster::Slice(int number, int turn) const {
  Json slice = slice_;
  Rename(absl::StrCat(Name("service", number), "-abcde"), Uid(4, number), &slice);
  slice["metadata"]["labels"]["kubernetes.io/service-name"] = Name("service", number);
  const Json endpoint = slice["endpoints"][0];
  slice["endpoints"] = Json::array();
  for (int i = 0; i < size_.slice_endpoints; ++i) {
    const int pod = (number * size_.slice_endpoints + i) % size_.pods;
    Json its = endpoint;
    its["addresses"] = {Address(64, pod + turn * size_.pods)};
    its["nodeName"] = Name("node", pod % size_.nodes);
    its["targetRef"]["name"] = Name("pod", pod);
    slice["endpoints"].push_back(std::move(its));
  }
  return slice;
}

size_t KubeCluster::Fill(KubeObjects* objects) const {
  size_t bytes = 0;
  const auto put = [&](const char* resource, const Json& object) {
    bytes += objects->Put(resource, object).dump().size();
  };
  for (int i = 0; i < size_.nodes; ++i) put(kNodes, Node(i));
  for (int i = 0; i < size_.pods; ++i) put(kPods, Pod(i));
  for (int i = 0; i < size_.services; ++i) put(kServices, Service(i));
  for (int i = 0; i < size_.services; ++i) put(kSlices, Slice(i));
  objects->Compact();
  return bytes;
}

}  // namespace podwarp::test
