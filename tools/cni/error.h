// What a CNI plugin says when it fails: CNI SPEC.md 1.1.0, "Error".
//
// The one exception of this program: every failure ends the call, and main() alone tells of it.
#pragma once

#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace podwarp::cni {

using Json = nlohmann::ordered_json;

enum ErrorCode {
  kIncompatibleVersion = 1,
  kUnsupportedField = 2,
  kUnknownContainer = 3,
  kInvalidEnvironment = 4,
  kIoFailure = 5,
  kDecodeFailure = 6,
  kInvalidConfig = 7,
  kTryAgainLater = 11,
  kNotAvailable = 50,         // STATUS: no pod can be added
  kLimitedConnectivity = 51,  // STATUS: and those that are there may be cut off
  // Our own.
  kIpamBroken = 100,   // the IPAM plugin said something that is no answer
  kRefused = 101,      // podwarp said no, in its own sentence
  kTaken = 102,        // the interface or the pod's name is somebody else's
  kNotAsAdded = 103,   // CHECK found something else than ADD had made
  kNotUp = 104,        // the pod's port didn't come up
  kInterrupted = 105,  // a signal ended the call
};

class CniError : public std::exception {
 public:
  // `msg` is a few words, `details` the sentence with the names in it.
  CniError(int code, std::string msg, std::string details)
      : code_(code), msg_(std::move(msg)), details_(std::move(details)) {}

  int code() const { return code_; }
  const std::string& msg() const { return msg_; }
  const std::string& details() const { return details_; }
  const char* what() const noexcept override { return details_.c_str(); }

  // One more sentence, of what went wrong after it.
  void AddDetail(const std::string& sentence) {
    details_ += (details_.empty() ? "" : "; ") + sentence;
  }

 private:
  int code_;
  std::string msg_;
  std::string details_;
};

// As it is printed; `version` is that of the configuration.
inline Json ToJson(const CniError& error, const std::string& version) {
  return {{"cniVersion", version},
          {"code", error.code()},
          {"msg", error.msg()},
          {"details", error.details()}};
}

}  // namespace podwarp::cni
