// A stand-in for libcuda.so.1 whose device is this processor: the memory of the process, and kernels compiled for the host
// behind emulation.h. Everything happens at once, so streams and events have nothing to do.
//
// FAKE_CUDA_DEVICES (default 1), FAKE_CUDA_MEMORY (bytes, default 4 GB) and FAKE_CUDA_CAPABILITY (default 80) set what it shows.
#include "emulation.h"

#include "../../../src/kernels/cuda/kernels.cu"

#include <unordered_map>

namespace {

using Address = unsigned long long;
std::unordered_map<Address, size_t> allocations;
size_t inUse;

long long setting(const char *name, long long otherwise) {
  const char *text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoll(text);
}
size_t totalMemory() { return static_cast<size_t>(setting("FAKE_CUDA_MEMORY", 4'000'000'000)); }

/** Whether [address, address + size) lies within one allocation: what a real device may not notice. */
bool isOurs(Address address, size_t size) {
  for (const auto &[begin, length] : allocations)
    if (begin <= address && address + size <= begin + length) return true;
  return size == 0;
}

constexpr int OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, NOT_FOUND = 500;

} // namespace

extern "C" {
int cuInit(unsigned) { return setting("FAKE_CUDA_DEVICES", 1) == 0 ? NO_DEVICE : OK; }
int cuDriverGetVersion(int *version) { return *version = 12000, OK; }
int cuGetErrorName(int result, const char **name) {
  return *name = result == OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : result == NOT_FOUND ? "CUDA_ERROR_NOT_FOUND" : "CUDA_ERROR_INVALID_VALUE", OK;
}
int cuGetErrorString(int, const char **text) { return *text = "emulated", OK; }
int cuDeviceGetCount(int *count) { return *count = static_cast<int>(setting("FAKE_CUDA_DEVICES", 1)), OK; }
int cuDeviceGet(int *device, int) { return *device = 0, OK; }
int cuDeviceGetName(char *name, int size, int) { return std::snprintf(name, size, "Emulated device"), OK; }
int cuDeviceGetAttribute(int *value, int attribute, int) {
  const int capability = static_cast<int>(setting("FAKE_CUDA_CAPABILITY", 80));
  *value = attribute == 75 ? capability / 10 : attribute == 76 ? capability % 10 : 1;
  return OK;
}
int cuDevicePrimaryCtxRetain(void **context, int) { return *context = nullptr, OK; }
int cuCtxSetCurrent(void *) { return OK; }
int cuMemGetInfo_v2(size_t *free, size_t *total) { return *total = totalMemory(), *free = *total - inUse, OK; }
int cuMemAlloc_v2(Address *address, size_t size) {
  if (inUse + size > totalMemory()) return OUT_OF_MEMORY;
  void *memory = std::aligned_alloc(256, (size + 255) / 256 * 256);
  std::memset(memory, 0xcd, size); // fresh memory holds no zeros to rely on
  *address = reinterpret_cast<Address>(memory);
  allocations[*address] = size;
  inUse += size;
  return OK;
}
int cuMemFree_v2(Address address) {
  const auto found = allocations.find(address);
  if (found == allocations.end()) return INVALID_VALUE;
  inUse -= found->second;
  allocations.erase(found);
  std::free(reinterpret_cast<void *>(address));
  return OK;
}
int cuMemHostAlloc(void **memory, size_t size, unsigned) { return *memory = std::malloc(size), OK; }
int cuMemcpyHtoDAsync_v2(Address to, const void *from, size_t size, void *) {
  return isOurs(to, size) ? std::memcpy(reinterpret_cast<void *>(to), from, size), OK : INVALID_VALUE;
}
int cuMemcpyDtoHAsync_v2(void *to, Address from, size_t size, void *) {
  return isOurs(from, size) ? std::memcpy(to, reinterpret_cast<void *>(from), size), OK : INVALID_VALUE;
}
int cuMemcpyDtoDAsync_v2(Address to, Address from, size_t size, void *) {
  if (!isOurs(to, size) || !isOurs(from, size)) return INVALID_VALUE;
  return std::memmove(reinterpret_cast<void *>(to), reinterpret_cast<void *>(from), size), OK;
}
int cuMemsetD32Async(Address to, unsigned bits, size_t words, void *) {
  if (!isOurs(to, words * 4)) return INVALID_VALUE;
  for (size_t i = 0; i < words; i++) reinterpret_cast<unsigned *>(to)[i] = bits;
  return OK;
}
int cuStreamCreate(void **stream, unsigned) { return *stream = nullptr, OK; }
int cuStreamSynchronize(void *) { return OK; }
int cuEventCreate(void **event, unsigned) { return *event = nullptr, OK; }
int cuEventRecord(void *, void *) { return OK; }
int cuEventSynchronize(void *) { return OK; }
int cuEventElapsedTime(float *ms, void *, void *) { return *ms = 1, OK; }
int cuModuleLoadData(void **module, const void *) { return *module = nullptr, OK; }
int cuModuleGetFunction(void **function, void *, const char *name) {
  const auto found = emulation::kernels().find(name);
  if (found == emulation::kernels().end()) return NOT_FOUND;
  *function = reinterpret_cast<void *>(found->second);
  return OK;
}
int cuLaunchKernel(void *function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned, unsigned, unsigned,
                   void *, void **, void **extra) {
  if (threads != emulation::THREADS || x == 0 || y == 0 || z == 0) return INVALID_VALUE;
  emulation::run(reinterpret_cast<emulation::Kernel>(function), extra[1], {x, y, z});
  return OK;
}
}
