// Threads that wait asleep. A job is cut into tasks whose results do not depend on who runs them or when, so that
// every number of threads gives the same bits.
#pragma once
#include <cstdint>

namespace pool {

void set_threads(int threads); // that work at a time, the caller included
int threads();

void run(int64_t tasks, void (*task)(int64_t index, void* context), void* context);

// Calls body(0) … body(tasks − 1), in any order and on any thread; returns when all are done.
template <typename Body>
inline void parallel(int64_t tasks, Body&& body) {
  run(tasks, [](int64_t index, void* context) { (*static_cast<Body*>(context))(index); }, &body);
}

// Calls body(begin, end) for consecutive ranges of `grain` out of 0 … count − 1.
template <typename Body>
inline void parallel_ranges(int64_t count, int64_t grain, Body&& body) {
  if (grain < 1) grain = 1;
  parallel((count + grain - 1) / grain, [&](int64_t i) {
    const int64_t begin = i * grain;
    body(begin, begin + grain < count ? begin + grain : count);
  });
}

} // namespace pool
