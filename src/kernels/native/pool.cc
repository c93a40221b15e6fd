#include "pool.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

#ifdef __linux__
#include <pthread.h>
#include <sched.h>
#endif

namespace pool {
namespace {

// Never destroyed: workers sleep on it until the process ends.
struct State {
  std::mutex caller; // held while a job runs: one at a time
  std::mutex mutex;  // guards what follows
  std::condition_variable wake, done;
  void (*task)(int64_t, void*) = nullptr; // null: no job
  void* context = nullptr;
  int wanted = 0;  // workers that may still join the job
  int joined = 0;  // workers that are in it
  int workers = 0; // threads started
  std::atomic<int64_t> next{0};
  std::atomic<bool> failed{false};
  int64_t tasks = 0;
  std::vector<std::thread::native_handle_type> handles; // of the workers
  int avoided = -1;                                     // processor that they stay away from
};

State& state() {
  static State* s = new State;
  return *s;
}

std::atomic<int> limit{1};

// Does tasks until none is left. What a task throws, which can only be a lack of memory, is told to the caller of `run`:
// on a thread of ours it would end the process.
void work(State& s, void (*task)(int64_t, void*), void* context, int64_t tasks) {
  try {
    for (int64_t i; (i = s.next.fetch_add(1, std::memory_order_relaxed)) < tasks;) task(i, context);
  } catch (const std::bad_alloc&) {
    s.failed = true;
  }
}

// Keeps the workers off the caller's processor. On a busy machine the scheduler likes to wake a thread where its waker
// runs, and there it waits until the job is done.
void avoid_caller([[maybe_unused]] State& s) {
#ifdef __linux__
  const int here = sched_getcpu();
  if (here < 0 || here == s.avoided) return;
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2) return;
  CPU_CLR(here, &allowed);
  for (const auto handle : s.handles) pthread_setaffinity_np(handle, sizeof allowed, &allowed);
  s.avoided = here;
#endif
}

void worker() {
  State& s = state();
  std::unique_lock lock(s.mutex);
  for (;;) {
    s.wake.wait(lock, [&] { return s.task != nullptr && s.wanted > 0; });
    s.wanted--;
    s.joined++;
    const auto task = s.task;
    const auto context = s.context;
    const auto tasks = s.tasks;
    lock.unlock();
    work(s, task, context, tasks);
    lock.lock();
    if (--s.joined == 0) s.done.notify_one();
  }
}

} // namespace

void set_threads(int threads) { limit = threads < 1 ? 1 : threads > 256 ? 256 : threads; }
int threads() { return limit; }

void run(int64_t tasks, void (*task)(int64_t, void*), void* context) {
  const int64_t helpers = (tasks < limit ? tasks : static_cast<int64_t>(limit)) - 1;
  State& s = state();
  // a job of one task, a job inside a job, and a second JavaScript thread are all served by the caller alone
  std::unique_lock turn(s.caller, std::defer_lock);
  if (helpers < 1 || !turn.try_lock()) {
    for (int64_t i = 0; i < tasks; i++) task(i, context);
    return;
  }
  {
    std::lock_guard lock(s.mutex);
    while (s.workers < helpers) {
      try {
        std::thread thread(worker);
        s.handles.push_back(thread.native_handle());
        thread.detach();
      } catch (...) {
        break; // no more threads to be had: the ones there are do the work
      }
      s.workers++;
      s.avoided = -1; // the new one does not know yet
    }
    avoid_caller(s);
    s.task = task;
    s.context = context;
    s.tasks = tasks;
    s.next.store(0, std::memory_order_relaxed);
    s.wanted = static_cast<int>(helpers < s.workers ? helpers : s.workers);
  }
  if (helpers == 1)
    s.wake.notify_one();
  else
    s.wake.notify_all();
  work(s, task, context, tasks);
  std::unique_lock lock(s.mutex);
  s.task = nullptr; // whoever has not woken by now is not waited for
  s.wanted = 0;
  s.done.wait(lock, [&] { return s.joined == 0; });
  if (s.failed.exchange(false)) throw std::bad_alloc();
}

} // namespace pool
