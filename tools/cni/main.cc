// podwarp-cni: attaches containers to podwarp as pods. A CNI plugin (specification 0.4.0, 1.0.0 and
// 1.1.0), run by a container runtime: the environment and standard input say what to do, the result
// or the error is printed as JSON. It keeps nothing itself: pods are kept by podwarp, addresses by
// the IPAM plugin. configs/cni/ has examples.
#include <unistd.h>

#include <iostream>
#include <iterator>
#include <string>

#include "descriptor.h"
#include "error.h"
#include "interrupt.h"
#include "request.h"
#include "verbs.h"

namespace podwarp::cni {
namespace {

Environment OwnEnvironment() {
  Environment environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    const size_t equals = text.find('=');
    if (equals != std::string::npos) environment[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return environment;
}

std::string ReadAll(int descriptor) {
  std::string all;
  char bytes[4096];
  for (;;) {
    const ssize_t n = read(descriptor, bytes, sizeof(bytes));
    if (n == 0) return all;
    if (n > 0) all.append(bytes, static_cast<size_t>(n));
    if (n < 0 && errno != EINTR) throw IoError("standard input");
    ThrowIfInterrupted();
  }
}

// Returns what is to be printed; null if nothing is.
Json Serve(const Environment& environment, const std::string& config_text) {
  const Request request = ParseRequest(environment, config_text);
  if (request.verb == Verb::kVersion) return Version(request);
  const Call call{request, ParseNetworkConfig(request.config), environment};
  switch (request.verb) {
    case Verb::kAdd:
      return Add(call);
    case Verb::kDel:
      Del(call);
      break;
    case Verb::kCheck:
      Check(call);
      break;
    case Verb::kStatus:
      Status(call);
      break;
    case Verb::kGc:
      CollectGarbage(call);
      break;
    case Verb::kVersion:
      break;
  }
  return nullptr;
}

int Run() {
  const Environment environment = OwnEnvironment();
  if (!environment.contains("CNI_COMMAND")) {
    std::cerr << "podwarp-cni " PODWARP_VERSION
                 ": a CNI plugin, to be run by a container runtime\n";
  }
  std::string config_text;
  try {
    CatchSignals();
    config_text = ReadAll(STDIN_FILENO);
    const Json output = Serve(environment, config_text);
    if (!output.is_null()) std::cout << output.dump(2) << std::endl;
    if (std::cout) return 0;
    throw IoError("standard output");
  } catch (const CniError& error) {
    std::cout << ToJson(error, VersionForErrors(config_text)).dump(2) << std::endl;
  } catch (const std::exception& error) {
    const CniError other(kIoFailure, "I/O failure", error.what());
    std::cout << ToJson(other, VersionForErrors(config_text)).dump(2) << std::endl;
  }
  return 1;
}

}  // namespace
}  // namespace podwarp::cni

int main() { return podwarp::cni::Run(); }
