#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "commands/names.h"
#include "text/fields.h"
#include "text/numbers.h"
#include "text/table.h"

namespace podwarp::ctl::test {
namespace {

using testing::ElementsAre;

TEST(Table, NumbersStandRight) {
  Table table({{"PORT"}, {"FRAMES", Align::kRight}, {"STATE"}});
  table.Add({"uplink0", "7", "up"});
  table.Add({"a", "1,234,567", ""});
  EXPECT_THAT(table.TakeLines(), ElementsAre("PORT        FRAMES  STATE",  //
                                             "uplink0          7  up",     //
                                             "a        1,234,567  -"));
}

TEST(Table, HasItsHeadingsWithoutRowsToo) {
  std::ostringstream out;
  Table({{"A"}, {"B"}}).Write(&out);
  EXPECT_EQ(out.str(), "A  B\n");
}

TEST(Table, LaterPartsAreAtLeastAsWide) {
  Table table({{"N"}, {"S"}});
  table.Add({"wide", "x"});
  EXPECT_THAT(table.TakeLines(), ElementsAre("N     S", "wide  x"));
  table.Add({"n", "y"});
  EXPECT_THAT(table.TakeLines(), ElementsAre("n     y"));
  table.Add({"even wider", "z"});
  EXPECT_THAT(table.TakeLines(), ElementsAre("even wider  z"));
}

TEST(Table, TakesNoCommandsToTheTerminal) {
  Table table({{"N"}});
  table.Add({"a\nb\033[2J\x7f"});
  EXPECT_THAT(table.TakeLines(), ElementsAre("N", "a b [2J"));
}

TEST(Table, CountsCharactersAndNotBytes) {
  Table table({{"N"}, {"S"}});
  table.Add({"\xc3\xa4", "x"});  // ä
  table.Add({"ab", "y"});
  EXPECT_THAT(table.TakeLines(), ElementsAre("N   S", "\xc3\xa4   x", "ab  y"));
  EXPECT_EQ(Clip("\xc3\xa4\xc3\xb6\xc3\xbc", 2), "\xc3\xa4\xc3\xb6");
  EXPECT_EQ(Clip("ab", 5), "ab");
  EXPECT_EQ(Clip("ab", 0), "");
}

TEST(Numbers, HaveSeparators) {
  EXPECT_EQ(Count(0), "0");
  EXPECT_EQ(Count(999), "999");
  EXPECT_EQ(Count(1000), "1,000");
  EXPECT_EQ(Count(18446744073709551615u), "18,446,744,073,709,551,615");
  EXPECT_EQ(Count(1, "pod"), "1 pod");
  EXPECT_EQ(Count(1000, "pod"), "1,000 pods");
}

TEST(Numbers, HaveThreeDigitsAndAUnit) {
  EXPECT_EQ(Short(0), "0");
  EXPECT_EQ(Short(-3), "0");
  EXPECT_EQ(Short(5), "5");
  EXPECT_EQ(Short(1.5), "1.5");
  EXPECT_EQ(Short(12.34), "12.3");
  EXPECT_EQ(Short(999.4), "999");
  EXPECT_EQ(Short(999.6), "1.00 k");
  EXPECT_EQ(Short(12'345), "12.3 k");
  EXPECT_EQ(Short(36.7e6), "36.7 M");
  EXPECT_EQ(Short(999'600), "1.00 M");
  EXPECT_EQ(Short(1e19), "10000 P");
  EXPECT_EQ(Short(0, "bit"), "0 bit");
  EXPECT_EQ(Short(1e10, "bit/s"), "10.0 Gbit/s");
}

TEST(Numbers, SpansOfTime) {
  EXPECT_EQ(Span(0), "0 s");
  EXPECT_EQ(Span(61), "1 min 1 s");
  EXPECT_EQ(Span(3 * 3600 + 240), "3 h 4 min");
  EXPECT_EQ(Span(12 * 86400 + 3 * 3600), "12 d 3 h");
}

TEST(Fields, AreReadAsFarAsTheyMakeSense) {
  const Json json = {{"text", "t"}, {"list", {"a", "b"}}, {"number", 1234}, {"negative", -1},
                     {"real", 0.5}, {"yes", true},        {"none", nullptr}};
  EXPECT_EQ(Text(json, "text"), "t");
  EXPECT_EQ(Text(json, "list"), "a,b");
  EXPECT_EQ(Text(json, "number"), "1234");
  EXPECT_EQ(Text(json, "yes"), "yes");
  EXPECT_EQ(Text(json, "none"), "");
  EXPECT_EQ(Text(json, "missing"), "");
  EXPECT_EQ(Text(Json(7), "of no object"), "");
  EXPECT_EQ(Number(json, "number"), 1234u);
  EXPECT_EQ(Number(json, "negative"), 0u);
  EXPECT_EQ(Number(json, "text"), 0u);
  EXPECT_EQ(Real(json, "real"), 0.5);
  EXPECT_EQ(Real(json, "number"), 1234);
  EXPECT_TRUE(Flag(json, "yes"));
  EXPECT_FALSE(Flag(json, "number"));
  EXPECT_EQ(Amount(json, "number"), "1,234");
  EXPECT_EQ(Amount(json, "missing"), "");
}

TEST(Fields, StateSaysWhy) {
  EXPECT_EQ(StateOf({{"up", true}}), "up");
  EXPECT_EQ(StateOf({{"up", false}, {"why_down", "no carrier"}}), "down: no carrier");
  EXPECT_EQ(StateOf({{"up", false}}), "down");
  EXPECT_EQ(StateOf({{"shadowed", "the file has it"}}), "hidden: the file has it");
  EXPECT_EQ(StateOf(nullptr), "");
}

TEST(Names, AreCompletedAndEncoded) {
  EXPECT_EQ(PodPath("web-1"), "/v1/pods/default/web-1");
  EXPECT_EQ(PodPath("n/web.1"), "/v1/pods/n/web.1");
  EXPECT_EQ(PodPath("n/a b/c?d#e%"), "/v1/pods/n/a%20b%2Fc%3Fd%23e%25");
  EXPECT_EQ(ServicePath("web"), "/v1/services/default/web");
  EXPECT_EQ(ServicePath("shop/cart"), "/v1/services/shop/cart");
  EXPECT_EQ(NodePath("node-b"), "/v1/nodes/node-b");
  EXPECT_EQ(RoutePath("10.1.2.3/32"), "/v1/routes/10.1.2.3%2F32");
}

}  // namespace
}  // namespace podwarp::ctl::test
