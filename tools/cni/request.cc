#include "request.h"

#include <algorithm>
#include <cctype>

namespace podwarp::cni {
namespace {

constexpr size_t kLongestInterfaceName = 15;  // IFNAMSIZ less the final zero

const std::map<std::string, Verb> kVerbs = {{"ADD", Verb::kAdd},         {"DEL", Verb::kDel},
                                            {"CHECK", Verb::kCheck},     {"STATUS", Verb::kStatus},
                                            {"VERSION", Verb::kVersion}, {"GC", Verb::kGc}};

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    if (end > begin) parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::string ValueOf(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? "" : found->second;
}

bool IsContainerId(const std::string& text) {
  const auto is_allowed = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-';
  };
  return !text.empty() && std::isalnum(static_cast<unsigned char>(text[0])) != 0 &&
         std::all_of(text.begin(), text.end(), is_allowed);
}

// What dev_valid_name() of Linux lets pass, and no '%', which is a pattern to the tun device.
bool IsInterfaceName(const std::string& text) {
  const auto is_allowed = [](unsigned char c) {
    return std::isgraph(c) != 0 && c != '/' && c != ':' && c != '%';
  };
  return !text.empty() && text.size() <= kLongestInterfaceName && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(), is_allowed);
}

// The variables of a call, read one by one; what is wrong with any of them is told at the end.
class Variables {
 public:
  explicit Variables(const Environment& environment) : environment_(environment) {}

  template <typename Check>
  std::string Read(const std::string& name, bool required, Check check, const std::string& right) {
    std::string value = ValueOf(environment_, name);
    if (value.empty() && required) Fault(name, "is missing");
    if (!value.empty() && !check(value)) Fault(name, "'" + value + "' is not " + right);
    return value;
  }

  std::map<std::string, std::string> ReadArguments() {
    std::map<std::string, std::string> arguments;
    for (const std::string& pair : Split(ValueOf(environment_, "CNI_ARGS"), ';')) {
      const size_t equals = pair.find('=');
      if (equals == std::string::npos || equals == 0) {
        Fault("CNI_ARGS", "'" + pair + "' is not KEY=VALUE");
      } else {
        arguments[pair.substr(0, equals)] = pair.substr(equals + 1);
      }
    }
    return arguments;
  }

  void Fault(const std::string& name, const std::string& what) {
    faults_ += (faults_.empty() ? "" : "; ") + name + " " + what;
  }
  void ThrowIfFaulty() const {
    if (!faults_.empty()) throw CniError(kInvalidEnvironment, "invalid environment", faults_);
  }

 private:
  const Environment& environment_;
  std::string faults_;
};

Verb ReadVerb(Variables& variables) {
  const std::string word = variables.Read(
      "CNI_COMMAND", true, [](const std::string& text) { return kVerbs.contains(text); },
      "a command (expected ADD, DEL, CHECK, STATUS, VERSION or GC)");
  variables.ThrowIfFaulty();
  return kVerbs.at(word);
}

void ReadAttachment(Variables& variables, Request* request) {
  const bool needs_netns = request->verb != Verb::kDel;
  request->container_id =
      variables.Read("CNI_CONTAINERID", true, IsContainerId,
                     "a container's ID (expected letters, digits, '_', '.' and '-', the first a "
                     "letter or digit)");
  request->netns = variables.Read(
      "CNI_NETNS", needs_netns, [](const std::string& text) { return text[0] == '/'; },
      "an absolute path");
  request->interface = variables.Read("CNI_IFNAME", true, IsInterfaceName, "an interface's name");
  request->arguments = variables.ReadArguments();
}

Json Decode(const std::string& text, Verb verb) {
  // Older runtimes ask for the versions without saying their own.
  if (text.empty() && verb == Verb::kVersion) return Json::object();
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::exception& error) {
    throw CniError(kDecodeFailure, "can't decode the network configuration",
                   std::string("standard input: ") + error.what());
  }
  if (json.is_object()) return json;
  throw CniError(kDecodeFailure, "can't decode the network configuration",
                 "standard input: expected a JSON object");
}

bool IsKnown(const std::string& version) {
  return std::find(std::begin(kVersions), std::end(kVersions), version) != std::end(kVersions);
}

std::string ReadVersion(const Json& config, Verb verb) {
  const Json version = config.value("cniVersion", Json());
  if (!version.is_null() && !version.is_string()) {
    throw CniError(kDecodeFailure, "can't decode the CNI version",
                   "cniVersion: expected a text, found " + version.dump());
  }
  if (verb == Verb::kVersion)
    return version.is_null() ? kNewestVersion : version.get<std::string>();
  // The first version of the specification didn't ask for the key.
  const std::string asked = version.is_null() ? "0.1.0" : version.get<std::string>();
  if (!IsKnown(asked)) {
    throw CniError(
        kIncompatibleVersion, "incompatible CNI version",
        "cniVersion: '" + asked + "' is not spoken here (expected 0.4.0, 1.0.0 or 1.1.0)");
  }
  if ((verb == Verb::kStatus || verb == Verb::kGc) && asked != "1.1.0") {
    throw CniError(kIncompatibleVersion, "incompatible CNI version",
                   "cniVersion: " + asked + " has no STATUS and no GC (1.1.0 has)");
  }
  return asked;
}

}  // namespace

std::string VersionForErrors(const std::string& config_text) {
  const Json config = Json::parse(config_text, nullptr, /*allow_exceptions=*/false);
  if (!config.is_object()) return kNewestVersion;
  const Json version = config.value("cniVersion", Json());
  const std::string text = version.is_string() ? version.get<std::string>() : "";
  return IsKnown(text) ? text : kNewestVersion;
}

Request ParseRequest(const Environment& environment, const std::string& config_text) {
  Variables variables(environment);
  Request request{.verb = ReadVerb(variables), .config_text = config_text};
  request.config = Decode(config_text, request.verb);
  request.version = ReadVersion(request.config, request.verb);
  if (request.verb == Verb::kVersion) return request;
  if (request.verb != Verb::kStatus && request.verb != Verb::kGc) {
    ReadAttachment(variables, &request);
  }
  const auto anything = [](const std::string&) { return true; };
  request.path = Split(variables.Read("CNI_PATH", true, anything, ""), ':');
  variables.ThrowIfFaulty();
  return request;
}

}  // namespace podwarp::cni
