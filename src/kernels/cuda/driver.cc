// The N-API module between JavaScript and the CUDA driver. It is built without CUDA: the driver's library is opened at run
// time, and what is used of its interface is declared here. Device addresses travel as numbers (48 bits or fewer).
#define NAPI_VERSION 8
#include <dlfcn.h>
#include <node_api.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

namespace {

using Address = unsigned long long;
using Handle = void*;

// The entry points that are used, with the names under which the driver exports their current form.
#define DRIVER_FUNCTIONS(F)                                                                                         \
  F(init, "cuInit", unsigned)                                                                                       \
  F(driverVersion, "cuDriverGetVersion", int*)                                                                      \
  F(errorName, "cuGetErrorName", int, const char**)                                                                 \
  F(errorString, "cuGetErrorString", int, const char**)                                                             \
  F(deviceCount, "cuDeviceGetCount", int*)                                                                          \
  F(deviceGet, "cuDeviceGet", int*, int)                                                                            \
  F(deviceName, "cuDeviceGetName", char*, int, int)                                                                 \
  F(deviceAttribute, "cuDeviceGetAttribute", int*, int, int)                                                        \
  F(retainContext, "cuDevicePrimaryCtxRetain", Handle*, int)                                                        \
  F(setContext, "cuCtxSetCurrent", Handle)                                                                          \
  F(memoryInfo, "cuMemGetInfo_v2", size_t*, size_t*)                                                                \
  F(allocate, "cuMemAlloc_v2", Address*, size_t)                                                                    \
  F(release, "cuMemFree_v2", Address)                                                                               \
  F(hostAllocate, "cuMemHostAlloc", void**, size_t, unsigned)                                                       \
  F(toDevice, "cuMemcpyHtoDAsync_v2", Address, const void*, size_t, Handle)                                         \
  F(toHost, "cuMemcpyDtoHAsync_v2", void*, Address, size_t, Handle)                                                 \
  F(copy, "cuMemcpyDtoDAsync_v2", Address, Address, size_t, Handle)                                                 \
  F(fill, "cuMemsetD32Async", Address, unsigned, size_t, Handle)                                                    \
  F(createStream, "cuStreamCreate", Handle*, unsigned)                                                              \
  F(synchronizeStream, "cuStreamSynchronize", Handle)                                                               \
  F(createEvent, "cuEventCreate", Handle*, unsigned)                                                                \
  F(recordEvent, "cuEventRecord", Handle, Handle)                                                                   \
  F(synchronizeEvent, "cuEventSynchronize", Handle)                                                                 \
  F(elapsed, "cuEventElapsedTime", float*, Handle, Handle)                                                          \
  F(loadModule, "cuModuleLoadData", Handle*, const void*)                                                           \
  F(getFunction, "cuModuleGetFunction", Handle*, Handle, const char*)                                               \
  F(launch, "cuLaunchKernel", Handle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Handle, \
    void**, void**)

constexpr int OUT_OF_MEMORY = 2;         // CUDA_ERROR_OUT_OF_MEMORY
constexpr unsigned NON_BLOCKING = 1;     // CU_STREAM_NON_BLOCKING
constexpr unsigned BLOCKING_SYNC = 1;    // CU_EVENT_BLOCKING_SYNC: waiting sleeps, it does not spin
constexpr unsigned BLOCK_THREADS = 256;  // BLOCK of common.cuh

struct Driver {
#define MEMBER(name, symbol, ...) int (*name)(__VA_ARGS__);
  DRIVER_FUNCTIONS(MEMBER)
#undef MEMBER
} cu;

Handle stream, module, timer_begin, timer_end;

// Uploads go through pinned pieces in turn: the caller's memory is free again on return, and the copy overlaps with kernels.
constexpr size_t PIECE_BYTES = 8 << 20;
constexpr int PIECES = 4;
struct Piece {
  void* memory;
  Handle copied;
  bool in_use;
} pieces[PIECES];
int next_piece;

napi_value fail(napi_env env, const char* code, const std::string& message) {
  napi_throw_error(env, code, message.c_str());
  return nullptr;
}

/** True where the call went well; otherwise a JavaScript error is pending. */
bool succeeded(napi_env env, int result, const char* what) {
  if (result == 0) return true;
  const char *name = "unknown", *text = "";
  cu.errorName(result, &name);
  cu.errorString(result, &text);
  fail(env, result == OUT_OF_MEMORY ? "OUT_OF_MEMORY" : "CUDA", std::string(what) + ": " + name + " (" + text + ")");
  return false;
}

#define TRY(call, what) \
  if (!succeeded(env, call, what)) return nullptr

template <size_t N>
void arguments(napi_env env, napi_callback_info info, napi_value (&argv)[N]) {
  size_t argc = N;
  napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr);
}

double number_of(napi_env env, napi_value value) {
  double number = 0;
  napi_get_value_double(env, value, &number);
  return number;
}

napi_value number(napi_env env, double value) {
  napi_value out;
  napi_create_double(env, value, &out);
  return out;
}

void set(napi_env env, napi_value object, const char* name, double value) {
  napi_set_named_property(env, object, name, number(env, value));
}

struct Bytes {
  char* data;
  size_t size;
};

/** The memory behind a typed array; empty for anything else. */
Bytes bytes_of(napi_env env, napi_value array) {
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, array, &type, &length, &data, nullptr, nullptr) != napi_ok) return {nullptr, 0};
  const size_t width = type == napi_float64_array || type == napi_bigint64_array || type == napi_biguint64_array ? 8
                       : type == napi_int8_array || type == napi_uint8_array || type == napi_uint8_clamped_array ? 1
                       : type == napi_int16_array || type == napi_uint16_array                                   ? 2
                                                                                                                 : 4;
  return {static_cast<char*>(data), length * width};
}

std::string text_of(napi_env env, napi_value value) {
  char text[4096];
  size_t length = 0;
  napi_get_value_string_utf8(env, value, text, sizeof text, &length);
  return std::string(text, length);
}

/** open(library): what the first device is. Throws NO_DRIVER, NO_DEVICE or CUDA. */
napi_value open(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  arguments(env, info, argv);
  const std::string path = text_of(env, argv[0]);
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return fail(env, "NO_DRIVER", dlerror());
#define RESOLVE(name, symbol, ...)                                                                       \
  cu.name = reinterpret_cast<int (*)(__VA_ARGS__)>(dlsym(library, symbol));                              \
  if (cu.name == nullptr) return fail(env, "NO_DRIVER", path + " has no " symbol ": the driver is too old");
  DRIVER_FUNCTIONS(RESOLVE)
#undef RESOLVE
  constexpr int NO_DEVICE = 100;
  const int started = cu.init(0);
  if (started == NO_DEVICE) return fail(env, "NO_DEVICE", "the driver finds no device");
  TRY(started, "starting the driver");
  int version, count, device, major, minor, multiprocessors;
  TRY(cu.driverVersion(&version), "asking for the driver's version");
  TRY(cu.deviceCount(&count), "counting devices");
  if (count == 0) return fail(env, "NO_DEVICE", "the driver finds no device");
  char name[256];
  TRY(cu.deviceGet(&device, 0), "taking the first device");
  TRY(cu.deviceName(name, sizeof name, device), "asking for the device's name");
  TRY(cu.deviceAttribute(&multiprocessors, 16, device), "asking for the number of multiprocessors");
  TRY(cu.deviceAttribute(&major, 75, device), "asking for the compute capability");
  TRY(cu.deviceAttribute(&minor, 76, device), "asking for the compute capability");
  Handle context;
  TRY(cu.retainContext(&context, device), "opening the device");
  TRY(cu.setContext(context), "opening the device");
  TRY(cu.createStream(&stream, NON_BLOCKING), "creating a stream");
  TRY(cu.createEvent(&timer_begin, 0), "creating an event");
  TRY(cu.createEvent(&timer_end, 0), "creating an event");

  napi_value out, text;
  napi_create_object(env, &out);
  napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &text);
  napi_set_named_property(env, out, "name", text);
  set(env, out, "cudaVersion", version);
  set(env, out, "major", major);
  set(env, out, "minor", minor);
  set(env, out, "multiprocessors", multiprocessors);
  return out;
}

napi_value load(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  arguments(env, info, argv);
  TRY(cu.loadModule(&module, bytes_of(env, argv[0]).data), "loading the kernels");
  return nullptr;
}

/** kernel(name): a handle for `launch`. */
napi_value kernel(napi_env env, napi_callback_info info) {
  napi_value argv[1], out;
  arguments(env, info, argv);
  const std::string name = text_of(env, argv[0]);
  Handle function;
  TRY(cu.getFunction(&function, module, name.c_str()), ("finding the kernel " + name).c_str());
  napi_create_external(env, function, nullptr, nullptr, &out);
  return out;
}

/** launch(kernel, gridX, gridY, gridZ, parameters) */
napi_value launch(napi_env env, napi_callback_info info) {
  napi_value argv[5];
  arguments(env, info, argv);
  Handle function = nullptr;
  if (napi_get_value_external(env, argv[0], &function) != napi_ok) return fail(env, "CUDA", "launch: no kernel given");
  unsigned grid[3];
  for (int axis = 0; axis < 3; axis++) grid[axis] = static_cast<unsigned>(number_of(env, argv[1 + axis]));
  Bytes parameters = bytes_of(env, argv[4]);
  void* const BUFFER_POINTER = reinterpret_cast<void*>(1);  // CU_LAUNCH_PARAM_BUFFER_POINTER
  void* const BUFFER_SIZE = reinterpret_cast<void*>(2);     // CU_LAUNCH_PARAM_BUFFER_SIZE
  void* extra[] = {BUFFER_POINTER, parameters.data, BUFFER_SIZE, &parameters.size, nullptr};
  TRY(cu.launch(function, grid[0], grid[1], grid[2], BLOCK_THREADS, 1, 1, 0, stream, nullptr, extra), "starting a kernel");
  return nullptr;
}

/** allocate(bytes): an address; throws OUT_OF_MEMORY. */
napi_value allocate(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  arguments(env, info, argv);
  Address address;
  TRY(cu.allocate(&address, static_cast<size_t>(number_of(env, argv[0]))), "taking memory");
  return number(env, static_cast<double>(address));
}

napi_value release(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  arguments(env, info, argv);
  TRY(cu.release(static_cast<Address>(number_of(env, argv[0]))), "giving memory back");
  return nullptr;
}

/** upload(address, typedArray): the array may be changed as soon as this returns. */
napi_value upload(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  arguments(env, info, argv);
  Address to = static_cast<Address>(number_of(env, argv[0]));
  Bytes from = bytes_of(env, argv[1]);
  while (from.size > 0) {
    Piece& piece = pieces[next_piece];
    next_piece = (next_piece + 1) % PIECES;
    if (piece.memory == nullptr) {
      TRY(cu.hostAllocate(&piece.memory, PIECE_BYTES, 0), "taking pinned memory");
      TRY(cu.createEvent(&piece.copied, BLOCKING_SYNC), "creating an event");
    }
    if (piece.in_use) TRY(cu.synchronizeEvent(piece.copied), "waiting for an upload");
    const size_t size = std::min(from.size, PIECE_BYTES);
    std::memcpy(piece.memory, from.data, size);
    TRY(cu.toDevice(to, piece.memory, size, stream), "uploading");
    TRY(cu.recordEvent(piece.copied, stream), "uploading");
    piece.in_use = true;
    to += size;
    from = {from.data + size, from.size - size};
  }
  return nullptr;
}

/** download(address, typedArray): waits for everything that was started before. */
napi_value download(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  arguments(env, info, argv);
  const Bytes to = bytes_of(env, argv[1]);
  TRY(cu.toHost(to.data, static_cast<Address>(number_of(env, argv[0])), to.size, stream), "downloading");
  TRY(cu.synchronizeStream(stream), "running kernels");
  return nullptr;
}

/** copy(to, from, bytes), on the device. */
napi_value copy(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  arguments(env, info, argv);
  TRY(cu.copy(static_cast<Address>(number_of(env, argv[0])), static_cast<Address>(number_of(env, argv[1])),
              static_cast<size_t>(number_of(env, argv[2])), stream),
      "copying");
  return nullptr;
}

/** fill(address, words, bits): `words` times the 32 bits. */
napi_value fill(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  arguments(env, info, argv);
  TRY(cu.fill(static_cast<Address>(number_of(env, argv[0])), static_cast<unsigned>(number_of(env, argv[2])),
              static_cast<size_t>(number_of(env, argv[1])), stream),
      "filling");
  return nullptr;
}

napi_value synchronize(napi_env env, napi_callback_info) {
  TRY(cu.synchronizeStream(stream), "running kernels");
  return nullptr;
}

napi_value memory(napi_env env, napi_callback_info) {
  size_t free, total;
  TRY(cu.memoryInfo(&free, &total), "asking for memory");
  napi_value out;
  napi_create_object(env, &out);
  set(env, out, "free", static_cast<double>(free));
  set(env, out, "total", static_cast<double>(total));
  return out;
}

napi_value start_timer(napi_env env, napi_callback_info) {
  TRY(cu.recordEvent(timer_begin, stream), "timing");
  return nullptr;
}

/** Milliseconds of the device since start_timer; waits for it. */
napi_value stop_timer(napi_env env, napi_callback_info) {
  float ms;
  TRY(cu.recordEvent(timer_end, stream), "timing");
  TRY(cu.synchronizeEvent(timer_end), "running kernels");
  TRY(cu.elapsed(&ms, timer_begin, timer_end), "timing");
  return number(env, ms);
}

}  // namespace

NAPI_MODULE_INIT() {
  const struct {
    const char* name;
    napi_callback function;
  } functions[] = {
      {"open", open},
      {"load", load},
      {"kernel", kernel},
      {"launch", launch},
      {"allocate", allocate},
      {"release", release},
      {"upload", upload},
      {"download", download},
      {"copy", copy},
      {"fill", fill},
      {"synchronize", synchronize},
      {"memory", memory},
      {"startTimer", start_timer},
      {"stopTimer", stop_timer},
  };
  for (const auto& [name, function] : functions) {
    napi_value value;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value);
    napi_set_named_property(env, exports, name, value);
  }
  return exports;
}
