// "Did you mean": the word that was probably meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace podwarp {

// The word of `known` with the fewest letters to insert, delete or change, if these are few beside
// the word's length; else empty.
std::string NearestWord(std::string_view word, const std::vector<std::string>& known);

// " (did you mean 'nearest'?)" to end a message with; if nothing is near, " (known: a, b, c)".
std::string DidYouMean(std::string_view word, const std::vector<std::string>& known);

}  // namespace podwarp
