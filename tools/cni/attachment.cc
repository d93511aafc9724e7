#include "attachment.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>

namespace podwarp::cni {
namespace {

constexpr size_t kLongestLabel = 63;       // RFC 1123
constexpr size_t kLongestSubdomain = 253;  // as Kubernetes bounds it
constexpr size_t kLongestSandbox = 128;    // of podwarp's pods
constexpr char kFirstInterface[] = "eth0";

bool IsInner(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; }

bool IsLabel(const std::string& text) {
  return !text.empty() && text.size() <= kLongestLabel && text.front() != '-' &&
         text.back() != '-' && std::all_of(text.begin(), text.end(), IsInner);
}

bool IsSubdomain(const std::string& text) {
  if (text.size() > kLongestSubdomain) return false;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('.', begin), text.size());
    if (!IsLabel(text.substr(begin, end - begin))) return false;
    begin = end + 1;
  }
  return true;
}

// FNV-1a, 64 bits: the same in every call, which std::hash doesn't promise.
std::string HashOf(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const unsigned char c : text) hash = (hash ^ c) * 0x100000001b3;
  char digits[17];
  std::snprintf(digits, sizeof(digits), "%016llx", static_cast<unsigned long long>(hash));
  return digits;
}

// A label that reads like `text` and is another for every other text.
std::string FitLabel(const std::string& text) {
  if (IsLabel(text)) return text;
  std::string label;
  for (const char c : text) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    label += IsInner(lower) ? lower : '-';
  }
  const std::string hash = HashOf(text);
  label = label.substr(0, kLongestLabel - 1 - hash.size());
  label.erase(0, std::min(label.find_first_not_of('-'), label.size()));
  label.erase(label.find_last_not_of('-') + 1);
  return label.empty() ? hash : label + "-" + hash;
}

std::string FitSubdomain(const std::string& text) {
  return IsSubdomain(text) ? text : FitLabel(text);
}

std::string ArgumentOf(const Request& request, const std::string& key) {
  const auto found = request.arguments.find(key);
  return found == request.arguments.end() ? "" : found->second;
}

}  // namespace

PodKey KeyOf(const Request& request) {
  const std::string pod_namespace = ArgumentOf(request, "K8S_POD_NAMESPACE");
  const std::string pod = ArgumentOf(request, "K8S_POD_NAME");
  std::string name = FitSubdomain(pod.empty() ? request.container_id : pod);
  if (request.interface != kFirstInterface) {
    name = FitSubdomain(name + "." + FitLabel(request.interface));
  }
  return {.pod_namespace = pod_namespace.empty() ? "default" : FitLabel(pod_namespace),
          .name = name};
}

std::optional<Sandbox> Sandbox::Parse(const std::string& text) {
  const size_t first = text.find('/');
  const size_t last = text.rfind('/');
  if (first == std::string::npos || first == last) return std::nullopt;
  Sandbox sandbox{.network = text.substr(0, first),
                  .container_id = text.substr(first + 1, last - first - 1),
                  .interface = text.substr(last + 1)};
  if (sandbox.container_id.find('/') != std::string::npos) return std::nullopt;
  return sandbox;
}

Sandbox SandboxOf(const Request& request, const NetworkConfig& config) {
  Sandbox sandbox{
      .network = config.name, .container_id = request.container_id, .interface = request.interface};
  if (sandbox.text().size() <= kLongestSandbox) return sandbox;
  throw CniError(kInvalidEnvironment, "invalid environment",
                 "CNI_CONTAINERID '" + request.container_id +
                     "': with the network's name and the "
                     "interface's it must not have more than 126 characters");
}

}  // namespace podwarp::cni
