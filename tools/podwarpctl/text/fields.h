// Fields of the API's objects, as a table shows them. What is missing, or of another type than
// expected, is empty or 0: a podwarp of another version may say less, or more.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "client/api_client.h"

namespace podwarp::ctl {

// Null if there is none.
const Json& Field(const Json& object, std::string_view key);
// Of a text as it is, of a list its parts with commas, of a number its digits, of a boolean yes or
// no, of null nothing.
std::string Text(const Json& value);
inline std::string Text(const Json& object, std::string_view key) {
  return Text(Field(object, key));
}
// Whether it is a number that Number() and Amount() take: whole, and not negative.
bool IsCount(const Json& value);
uint64_t Number(const Json& object, std::string_view key);
double Real(const Json& object, std::string_view key);
bool Flag(const Json& object, std::string_view key);
// With thousands separators; empty if it is no number.
std::string Amount(const Json& object, std::string_view key);
// Of {"drops": {"spoofed_ip": 3}}: the reason for most frames; empty if there is none.
std::string MainReason(const Json& traffic);

// "up", "down: the reason", or that something in the file hides the object.
std::string StateOf(const Json& status);

}  // namespace podwarp::ctl
