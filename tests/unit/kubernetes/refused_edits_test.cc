#include "kubernetes/refused_edits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace podwarp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const absl::Time kStart = absl::FromUnixSeconds(1'000);

Edit Put(const std::string& key, ObjectKind kind = ObjectKind::kService) {
  Edit edit;
  edit.kind = kind;
  edit.key = key;
  if (kind == ObjectKind::kNode) {
    edit.object = RemoteNodeConfig();
  } else {
    edit.object = ServiceConfig();
  }
  return edit;
}

Edit Gone(const std::string& key) {
  Edit edit;
  edit.kind = ObjectKind::kService;
  edit.key = key;
  return edit;
}

EditResult Ok(EditResult::Outcome outcome = EditResult::Outcome::kCreated) {
  EditResult result;
  result.outcome = outcome;
  return result;
}

EditResult Refused(const std::string& why) {
  EditResult result;
  result.status = absl::FailedPreconditionError(why);
  return result;
}

std::vector<std::string> Keys(const std::vector<Edit>& edits) {
  std::vector<std::string> keys;
  for (const Edit& edit : edits) keys.push_back(edit.key);
  return keys;
}

class RefusedEditsTest : public testing::Test {
 protected:
  // The keys of what was tried at that time. `results` are for these, in their order.
  std::vector<std::string> Try(std::vector<Edit> edits, const std::vector<EditResult>& results) {
    const std::vector<Edit> tried = refused_.WithDue(std::move(edits), now_);
    EXPECT_EQ(tried.size(), results.size());
    if (tried.size() == results.size()) refused_.Note(tried, results, now_);
    return Keys(tried);
  }
  // Those that are due, without saying what became of them.
  std::vector<std::string> Due() { return Keys(refused_.WithDue({}, now_)); }

  RefusedEdits refused_;
  absl::Time now_ = kStart;
};

TEST_F(RefusedEditsTest, WhatGoesWellIsNotTriedAgain) {
  Try({Put("a"), Put("b")}, {Ok(), Ok()});
  now_ += absl::Hours(1);
  EXPECT_THAT(Due(), IsEmpty());
  EXPECT_THAT(refused_.Sentences(10), IsEmpty());
}

TEST_F(RefusedEditsTest, OneThatIsRefusedIsSoonTriedOnceMore) {
  Try({Put("a"), Put("b")}, {Refused("no"), Ok()});
  EXPECT_THAT(Due(), IsEmpty());
  now_ += RefusedEdits::kSoon;
  EXPECT_THAT(Try({}, {Ok()}), ElementsAre("a"));
  EXPECT_EQ(refused_.size(), 0);
  now_ += absl::Hours(1);
  EXPECT_THAT(Due(), IsEmpty());
}

TEST_F(RefusedEditsTest, WithoutNewsItIsTriedRarely) {
  Try({Put("a")}, {Refused("no")});
  now_ += RefusedEdits::kSoon;
  EXPECT_THAT(Try({}, {Refused("no")}), ElementsAre("a"));
  for (int i = 0; i < 3; ++i) {
    now_ += RefusedEdits::kMostGap - absl::Milliseconds(1);
    EXPECT_THAT(Due(), IsEmpty());
    now_ += absl::Milliseconds(1);
    EXPECT_THAT(Try({}, {Refused("no")}), ElementsAre("a"));
  }
}

TEST_F(RefusedEditsTest, WhenSomethingChangesItIsTriedSoonButNotAtEveryChange) {
  Try({Put("a")}, {Refused("no")});
  now_ += RefusedEdits::kSoon;
  Try({}, {Refused("no")});
  const absl::Time tried = now_;
  int tries = 0;
  while (now_ < tried + 10 * RefusedEdits::kLeastGap) {
    now_ += absl::Milliseconds(50);
    const std::vector<Edit> edits = refused_.WithDue({Put("other")}, now_);
    if (edits.size() == 1) {
      refused_.Note(edits, std::vector<EditResult>{Ok()}, now_);
    } else {
      refused_.Note(edits, std::vector<EditResult>{Ok(), Refused("no")}, now_);
      ++tries;
    }
  }
  EXPECT_GE(tries, 9);
  EXPECT_LE(tries, 10);
}

TEST_F(RefusedEditsTest, AChangeOfNothingIsNoNews) {
  Try({Put("a")}, {Refused("no")});
  now_ += RefusedEdits::kSoon;
  Try({}, {Refused("no")});
  Try({Put("other")}, {Ok(EditResult::Outcome::kUnchanged)});
  now_ += RefusedEdits::kMostGap - absl::Milliseconds(1);
  EXPECT_THAT(Due(), IsEmpty());
}

TEST_F(RefusedEditsTest, ANewerEditTakesItsPlace) {
  Try({Put("a")}, {Refused("no")});
  EXPECT_THAT(Try({Gone("a")}, {Ok(EditResult::Outcome::kDeleted)}), ElementsAre("a"));
  now_ += absl::Hours(1);
  EXPECT_THAT(Due(), IsEmpty());
}

TEST_F(RefusedEditsTest, ItTakesItsPlaceAlsoWhereBothAreDue) {
  Try({Put("a"), Put("b")}, {Refused("no"), Refused("no")});
  now_ += RefusedEdits::kSoon;
  const std::vector<Edit> tried = refused_.WithDue({Gone("a")}, now_);
  ASSERT_THAT(Keys(tried), ElementsAre("a", "b"));
  EXPECT_FALSE(tried[0].object.has_value());
}

TEST_F(RefusedEditsTest, NodesAreTriedBeforeServices) {
  Try({Put("a"), Put("node-b", ObjectKind::kNode)}, {Refused("no"), Refused("no")});
  now_ += RefusedEdits::kSoon;
  EXPECT_THAT(Due(), ElementsAre("node-b", "a"));
}

TEST_F(RefusedEditsTest, SaysWhichAndWhy) {
  Try({Put("default/web"), Gone("default/old")}, {Refused("no room"), Refused("it is busy")});
  EXPECT_THAT(refused_.Sentences(10),
              ElementsAre("service default/old is still there, though Kubernetes has it no more: "
                          "it is busy",
                          "service default/web is not as Kubernetes has it: no room"));
  EXPECT_THAT(refused_.Sentences(1), ElementsAre(testing::StartsWith("service default/old "),
                                                 "and 1 more that the node does not take"));
}

}  // namespace
}  // namespace podwarp
