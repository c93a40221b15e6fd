// Just enough of CUDA to run the kernels on this processor: the threads of a block are fibers that take turns and switch
// where real ones would wait for one another (barriers, shuffles). Blocks run one after the other. Not for speed.
#pragma once
#include <ucontext.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#define __device__
#define __global__
#define __shared__ static
#define __launch_bounds__(...)

struct Index {
  unsigned x, y, z;
};
inline Index threadIdx, blockIdx, gridDim;

struct alignas(16) float4 {
  float x, y, z, w;
};
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline float __int_as_float(int bits) {
  float out;
  std::memcpy(&out, &bits, sizeof out);
  return out;
}
inline int min(int a, int b) { return a < b ? a : b; }

namespace emulation {

constexpr int THREADS = 256;
constexpr size_t STACK = 64 << 10;

using Kernel = void (*)(const void *args);

#if defined(__x86_64__)
// A switch saves what a call preserves and changes stacks; swapcontext also asks the kernel for signal masks, each time.
struct Context {
  void *stackPointer;
};
extern "C" void emulation_switch(void **save, void *restore);
asm(R"(
.text
emulation_switch:
  push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15
  mov %rsp, (%rdi)
  mov %rsi, %rsp
  pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp
  ret
)");
inline void switchTo(Context &from, Context &to) { emulation_switch(&from.stackPointer, to.stackPointer); }
inline void prepare(Context &context, void (*entry)()) {
  char *top = static_cast<char *>(std::aligned_alloc(16, STACK)) + STACK;
  void **frame = reinterpret_cast<void **>(top) - 2; // keeps the stack aligned as after a call
  *frame = reinterpret_cast<void *>(entry);
  context.stackPointer = frame - 6; // six registers that nobody reads
}
#else
using Context = ucontext_t;
inline void switchTo(Context &from, Context &to) { swapcontext(&from, &to); }
inline void prepare(Context &context, void (*entry)()) {
  getcontext(&context);
  context.uc_stack.ss_sp = std::malloc(STACK);
  context.uc_stack.ss_size = STACK;
  makecontext(&context, entry, 0);
}
#endif

struct Fiber {
  Context context;
  bool running; // has a thread that has not ended
  int epoch; // shuffles passed
  float slots[2]; // what the thread offers in a shuffle; two, so that none is overwritten before it is read
};
inline Fiber fibers[THREADS];
inline Context scheduler;
inline int current, arrived, generation;
inline Kernel kernel;
inline const void *kernelArgs;

inline void yield() { switchTo(fibers[current].context, scheduler); }

inline void fiberMain() {
  for (;;) {
    kernel(kernelArgs);
    fibers[current].running = false;
    yield();
  }
}

inline void runBlock() {
  arrived = 0;
  for (int t = 0; t < THREADS; t++) {
    fibers[t].running = true;
    fibers[t].epoch = 0;
  }
  for (int left = THREADS; left > 0;) {
    left = 0;
    for (int t = 0; t < THREADS; t++) {
      if (!fibers[t].running) continue;
      current = t;
      threadIdx = {static_cast<unsigned>(t), 0, 0};
      switchTo(scheduler, fibers[t].context);
      left += fibers[t].running;
    }
  }
}

inline void run(Kernel which, const void *args, Index grid) {
  static bool prepared = false;
  if (!prepared)
    for (Fiber &fiber : fibers) prepare(fiber.context, fiberMain);
  prepared = true;
  kernel = which;
  kernelArgs = args;
  gridDim = grid;
  for (unsigned z = 0; z < grid.z; z++)
    for (unsigned y = 0; y < grid.y; y++)
      for (unsigned x = 0; x < grid.x; x++) {
        blockIdx = {x, y, z};
        runBlock();
      }
}

inline std::map<std::string, Kernel> &kernels() {
  static std::map<std::string, Kernel> all;
  return all;
}

struct Registration {
  Registration(const char *name, Kernel kernel) { kernels()[name] = kernel; }
};

} // namespace emulation

#define KERNEL(name, Args)                                                                                 \
  static void name(const Args args);                                                                       \
  static const emulation::Registration register_##name(                                                    \
      #name, [](const void *args) { name(*static_cast<const Args *>(args)); });                            \
  static void name(const Args args)

inline void __syncthreads() {
  using namespace emulation;
  const int mine = generation;
  if (++arrived == THREADS) {
    arrived = 0;
    generation++;
  } else
    while (generation == mine) yield();
}

/** Waits for the members of `mask` in the warp. A thread must keep to one mask: kernels here use that of its group. */
inline void __syncwarp(unsigned mask) {
  using namespace emulation;
  const int warp = current / 32 * 32;
  const int mine = ++fibers[current].epoch;
  for (int lane = 0; lane < 32; lane++)
    while ((mask >> lane & 1) && fibers[warp + lane].epoch < mine) {
      if (!fibers[warp + lane].running) {
        std::fprintf(stderr, "a lane of the mask has ended\n");
        std::abort();
      }
      yield();
    }
}

inline float __shfl_xor_sync(unsigned mask, float x, int other) {
  using namespace emulation;
  Fiber &self = fibers[current];
  const int slot = (self.epoch + 1) % 2;
  self.slots[slot] = x;
  const int partner = current ^ other;
  __syncwarp(mask);
  return fibers[partner].slots[slot];
}
