#include "telemetry/answer.h"

#include <glog/logging.h>
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"

namespace podwarp {
namespace {

using testing::SizeIs;

template <typename T>
const T* Find(const AnswerDict& dict, std::string_view key) {
  for (const AnswerDict::Entry& entry : dict.entries()) {
    if (entry.key == key) return std::get_if<T>(&entry.value);
  }
  return nullptr;
}

const std::string& TextOf(const AnswerDict& dict, std::string_view key) {
  const auto* text = Find<std::string>(dict, key);
  CHECK(text != nullptr) << key;
  return *text;
}

TEST(AnswerDict, KnowsHowLongItIs) {
  EXPECT_EQ(AnswerDict().JsonBytes(), 2u);
  // A comma after each entry is counted, one more than there is.
  EXPECT_EQ(AnswerDict().Add("n", uint64_t{12}).JsonBytes(), std::string(R"({"n":12,})").size());
  EXPECT_EQ(AnswerDict().Add("t", R"(a"b)").JsonBytes(), std::string(R"({"t":"a\"b",})").size());
  EXPECT_EQ(AnswerDict().Add("d", AnswerDict().Add("up", true)).JsonBytes(),
            std::string(R"({"d":{"up":1,},})").size());
  EXPECT_EQ(AnswerDict().Add("l", AnswerDict::List{"a", "b"}).JsonBytes(),
            std::string(R"({"l":["a","b",],})").size());
}

TEST(AnswerDict, CutsLongTextsVisibly) {
  const AnswerDict dict =
      AnswerDict().Add("fits", std::string(127, 'x')).Add("long", std::string(128, 'x'));
  EXPECT_EQ(TextOf(dict, "fits"), std::string(127, 'x'));
  EXPECT_EQ(TextOf(dict, "long"), std::string(124, 'x') + "...");
}

TEST(AnswerDict, KeepsToAscii) {
  EXPECT_EQ(TextOf(AnswerDict().Add("t", "a\xc3\xa4\nb"), "t"), "a???b");
}

TEST(AnswerDict, CutsLongListsVisibly) {
  AnswerDict::List addresses(kMaxListItems, "10.244.1.10");
  const AnswerDict whole = AnswerDict().Add("l", addresses);
  EXPECT_THAT(*Find<AnswerDict::List>(whole, "l"), SizeIs(kMaxListItems));

  addresses.resize(600, "10.244.1.10");
  const AnswerDict cut = AnswerDict().Add("l", addresses);
  const auto& list = *Find<AnswerDict::List>(cut, "l");
  EXPECT_THAT(list, SizeIs(kMaxListItems));
  EXPECT_EQ(list.back(), absl::StrCat("and ", 600 - (kMaxListItems - 1), " more"));
}

TEST(AnswerDictDeathTest, RefusesDataAsKeys) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";  // DPDK has threads of its own
  EXPECT_DEATH(AnswerDict().Add("default/web-1", "10.244.1.10"), "web-1");
}

std::vector<size_t> Numbers(const AnswerDict& page) {
  std::vector<size_t> numbers;
  for (const AnswerDict::Entry& entry : Find<AnswerDict>(page, "entries")->entries()) {
    EXPECT_EQ(entry.key,
              std::to_string(*Find<uint64_t>(std::get<AnswerDict>(entry.value), "number")));
    numbers.push_back(*Find<uint64_t>(std::get<AnswerDict>(entry.value), "number"));
  }
  return numbers;
}

// Reads on from page to page, as a client does.
std::vector<size_t> ReadAll(size_t total, size_t text_bytes) {
  std::vector<size_t> all;
  const uint64_t* next = nullptr;
  AnswerDict page;
  size_t start = 0;
  do {
    page = AnswerPage(total, start, [&](size_t i) {
      AnswerDict entry;
      entry.Add("number", uint64_t{i});
      for (size_t done = 0; done < text_bytes; done += 100) {
        entry.Add(absl::StrCat("text", done), std::string(100, 'x'));
      }
      return entry;
    });
    EXPECT_LE(page.JsonBytes(), kMaxAnswerBytes);
    EXPECT_EQ(*Find<uint64_t>(page, "total"), total);
    EXPECT_EQ(*Find<uint64_t>(page, "start"), start);
    const std::vector<size_t> numbers = Numbers(page);
    EXPECT_LE(numbers.size(), 256u);
    all.insert(all.end(), numbers.begin(), numbers.end());
    next = Find<uint64_t>(page, "next");
    if (next != nullptr) {
      EXPECT_GT(*next, start);
      start = *next;
    }
  } while (next != nullptr && start < total);
  return all;
}

TEST(AnswerPage, PagesAreCompleteAndOverlapNowhere) {
  for (const size_t total :
       {size_t{0}, size_t{1}, size_t{255}, size_t{256}, size_t{257}, size_t{3000}}) {
    for (const size_t text_bytes : {size_t{0}, size_t{300}, size_t{10'000}}) {
      const std::vector<size_t> all = ReadAll(total, text_bytes);
      ASSERT_EQ(all.size(), total) << text_bytes;
      for (size_t i = 0; i < total; ++i) ASSERT_EQ(all[i], i);
    }
  }
}

TEST(AnswerPage, AnEntryThatIsTooLongDoesNotStopTheReader) {
  AnswerDict huge;
  for (int i = 0; i < 200; ++i) huge.Add(absl::StrCat("text", i), std::string(127, 'x'));
  const AnswerDict page =
      AnswerPage(3, 0, [&](size_t i) { return i == 1 ? huge : AnswerDict().Add("up", true); });
  const auto& entries = Find<AnswerDict>(page, "entries")->entries();
  ASSERT_THAT(entries, SizeIs(3));
  EXPECT_EQ(TextOf(std::get<AnswerDict>(entries[1].value), "error"), "too long for an answer");
  EXPECT_EQ(Find<uint64_t>(page, "next"), nullptr);
}

TEST(AnswerPage, SaysWhenTheStartLiesBehindTheEnd) {
  const auto never = [](size_t) -> AnswerDict { LOG(FATAL) << "asked for an entry"; };
  EXPECT_EQ(TextOf(AnswerPage(3, 4, never), "error"), "START is 4, but there are only 3");
  EXPECT_EQ(Find<uint64_t>(AnswerPage(3, 3, never), "next"), nullptr);
}

}  // namespace
}  // namespace podwarp
