// Runs another program with an environment of its own, and speaks to it by its standard input and
// output.
#pragma once

#include <chrono>
#include <string>

#include "request.h"

namespace podwarp::cni {

struct ProgramEnd {
  int status = 0;  // as a shell has it: 128 and the signal if one ended it
  std::string output;
};

// Standard error is ours. The program is ended, by SIGTERM first, when `patience` has passed or a
// signal interrupts us. Throws CniError: 5 if it can't be run, 11 if it took too long, 105.
ProgramEnd RunProgram(const std::string& path, const Environment& environment,
                      const std::string& input, std::chrono::milliseconds patience);

}  // namespace podwarp::cni
