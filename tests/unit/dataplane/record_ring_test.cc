#include "podwarp/dataplane/record_ring.h"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <random>
#include <string>
#include <thread>

namespace podwarp::test {
namespace {

bool Write(RecordRing& ring, const std::string& text) {
  std::byte* place = ring.Reserve(static_cast<uint32_t>(text.size()));
  if (place == nullptr) return false;
  std::memcpy(place, text.data(), text.size());
  return true;
}

std::string Read(RecordRing& ring) {
  const std::span<const std::byte> bytes = ring.Peek();
  if (bytes.empty()) return "";
  const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  ring.Release();
  return text;
}

TEST(RecordRingTest, GivesRecordsInOrderOncePublished) {
  RecordRing ring(256);
  EXPECT_TRUE(Write(ring, "first"));
  EXPECT_TRUE(Write(ring, "second"));
  EXPECT_EQ(Read(ring), "");
  ring.Publish();
  EXPECT_EQ(Read(ring), "first");
  EXPECT_EQ(Read(ring), "second");
  EXPECT_EQ(Read(ring), "");
}

TEST(RecordRingTest, WhatIsTakenBackWasNever) {
  RecordRing ring(256);
  Write(ring, "stays");
  const RecordRing::Position position = ring.position();
  Write(ring, "goes");
  Write(ring, "goes too");
  EXPECT_FALSE(Write(ring, std::string(300, 'x')));
  ring.TakeBack(position);
  EXPECT_EQ(ring.lost(), 0u);
  Write(ring, "comes");
  ring.Publish();
  EXPECT_EQ(Read(ring), "stays");
  EXPECT_EQ(Read(ring), "comes");
  EXPECT_EQ(Read(ring), "");
}

TEST(RecordRingTest, CountsWhatFindsNoRoom) {
  RecordRing ring(64);
  EXPECT_TRUE(Write(ring, std::string(48, 'a')));
  EXPECT_FALSE(Write(ring, "b"));
  EXPECT_FALSE(Write(ring, std::string(1000, 'c')));
  EXPECT_EQ(ring.lost(), 2u);
  ring.Publish();
  EXPECT_EQ(Read(ring), std::string(48, 'a'));
  EXPECT_TRUE(Write(ring, "d"));
  ring.Publish();
  EXPECT_EQ(Read(ring), "d");
}

// As a queue does, whatever the lengths are and wherever the memory ends.
TEST(RecordRingTest, AgreesWithAQueue) {
  std::minstd_rand random(20261123);
  for (const size_t bytes : {64, 256, 4096}) {
    RecordRing ring(bytes);
    std::deque<std::string> expected;
    for (int i = 0; i < 20'000; ++i) {
      if (random() % 2 == 0) {
        const std::string text(1 + random() % 90, static_cast<char>('a' + random() % 26));
        const RecordRing::Position before = ring.position();
        if (!Write(ring, text)) continue;
        if (random() % 8 == 0) {
          ring.TakeBack(before);
          continue;
        }
        ring.Publish();
        expected.push_back(text);
      } else if (!expected.empty()) {
        ASSERT_EQ(Read(ring), expected.front());
        expected.pop_front();
      } else {
        ASSERT_EQ(Read(ring), "");
      }
    }
  }
}

TEST(RecordRingTest, OneWritesWhileAnotherReads) {
  constexpr uint64_t kRecords = 200'000;
  RecordRing ring(4096);
  std::thread writer([&] {
    for (uint64_t number = 0; number < kRecords;) {
      std::byte* place = ring.Reserve(static_cast<uint32_t>(8 + number % 100));
      if (place == nullptr) {
        std::this_thread::yield();
        continue;
      }
      std::memcpy(place, &number, sizeof(number));
      ring.Publish();
      ++number;
    }
  });
  for (uint64_t number = 0; number < kRecords;) {
    const std::span<const std::byte> bytes = ring.Peek();
    if (bytes.empty()) {
      std::this_thread::yield();
      continue;
    }
    uint64_t read;
    std::memcpy(&read, bytes.data(), sizeof(read));
    ASSERT_EQ(read, number);
    ASSERT_EQ(bytes.size(), 8 + number % 100);
    ring.Release();
    ++number;
  }
  writer.join();
}

}  // namespace
}  // namespace podwarp::test
