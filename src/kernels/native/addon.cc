// The N-API module: one JavaScript function for each op, and the choice of the instruction set.
#define NAPI_VERSION 8
#include <node_api.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <new>

#include "call.h"
#include "pool.h"

#define VARIANT(name)         \
  namespace name {            \
  extern const OpTable table; \
  }
#if defined(__x86_64__)
VARIANT(avx512)
VARIANT(avx2)
#endif
VARIANT(baseline)

namespace {

struct Variant {
  const char* name;
  const OpTable* table;
  bool runs_here;
};

const Variant* variants(int* count) {
  static const Variant all[] = {
#if defined(__x86_64__)
      {"avx512", &avx512::table,
       __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma")},
      {"avx2", &avx2::table, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")},
#endif
      {"baseline", &baseline::table, true},
  };
  *count = sizeof all / sizeof all[0];
  return all;
}

std::atomic<const Variant*> chosen{nullptr};

const Variant* best() {
  int count;
  const Variant* all = variants(&count);
  for (int i = 0; i < count; i++)
    if (all[i].runs_here) return &all[i];
  return &all[count - 1];
}

napi_value fail(napi_env env, const char* message) {
  napi_throw_type_error(env, nullptr, message);
  return nullptr;
}

char letter_of(napi_typedarray_type type) {
  switch (type) {
    case napi_float32_array: return 'f';
    case napi_float64_array: return 'd';
    case napi_int32_array: return 'i';
    case napi_uint32_array: return 'u';
    case napi_uint8_array: return 'b';
    default: return '?';
  }
}

napi_value run_op(napi_env env, napi_callback_info info) {
  size_t argc = MAX_ARGUMENTS;
  napi_value argv[MAX_ARGUMENTS];
  void* data;
  napi_get_cb_info(env, info, &argc, argv, nullptr, &data);
  const Op& op = chosen.load()->table->ops[reinterpret_cast<intptr_t>(data)];

  char message[160];
  if (argc != std::strlen(op.signature)) {
    std::snprintf(message, sizeof message, "%s takes %zu arguments, got %zu", op.name, std::strlen(op.signature), argc);
    return fail(env, message);
  }
  Argument arguments[MAX_ARGUMENTS];
  for (size_t i = 0; i < argc; i++) {
    char got = 'n';
    if (op.signature[i] == 'n') {
      if (napi_get_value_double(env, argv[i], &arguments[i].number) != napi_ok) got = '?';
    } else {
      napi_typedarray_type type;
      got = napi_get_typedarray_info(env, argv[i], &type, &arguments[i].length, &arguments[i].data, nullptr, nullptr) == napi_ok
                ? letter_of(type)
                : '?';
    }
    if (got != op.signature[i]) {
      std::snprintf(message, sizeof message, "%s: argument %zu should be of kind %c, got %c", op.name, i, op.signature[i], got);
      return fail(env, message);
    }
  }
  try {
    op.run(Call(arguments));
  } catch (const std::bad_alloc&) {
    napi_throw_error(env, "ERR_MEMORY", "a kernel found no memory for its scratch space");
  }
  return nullptr;
}

napi_value set_threads(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value value;
  int32_t threads = 1;
  napi_get_cb_info(env, info, &argc, &value, nullptr, nullptr);
  if (argc < 1 || napi_get_value_int32(env, value, &threads) != napi_ok) return fail(env, "setThreads takes a number");
  pool::set_threads(threads);
  return nullptr;
}

// Takes the name of a variant; answers whether this processor runs it.
napi_value set_isa(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value value;
  char name[16] = "";
  napi_get_cb_info(env, info, &argc, &value, nullptr, nullptr);
  if (argc < 1 || napi_get_value_string_utf8(env, value, name, sizeof name, nullptr) != napi_ok)
    return fail(env, "setIsa takes a name");
  int count;
  const Variant* all = variants(&count);
  bool found = false;
  for (int i = 0; i < count; i++)
    if (all[i].runs_here && std::strcmp(all[i].name, name) == 0) {
      chosen = &all[i];
      found = true;
    }
  napi_value answer;
  napi_get_boolean(env, found, &answer);
  return answer;
}

napi_value string(napi_env env, const char* text) {
  napi_value value;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
  return value;
}

napi_value isa(napi_env env, napi_callback_info) { return string(env, chosen.load()->name); }

napi_value threads(napi_env env, napi_callback_info) {
  napi_value value;
  napi_create_int32(env, pool::threads(), &value);
  return value;
}

// Variants that this processor runs, fastest first.
napi_value isas(napi_env env, napi_callback_info) {
  int count;
  const Variant* all = variants(&count);
  napi_value list;
  napi_create_array(env, &list);
  uint32_t at = 0;
  for (int i = 0; i < count; i++)
    if (all[i].runs_here) napi_set_element(env, list, at++, string(env, all[i].name));
  return list;
}

void define(napi_env env, napi_value object, const char* name, napi_callback callback, intptr_t data = 0) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, reinterpret_cast<void*>(data), &function);
  napi_set_named_property(env, object, name, function);
}

} // namespace

extern "C" NAPI_MODULE_EXPORT int32_t node_api_module_get_api_version_v1() { return NAPI_VERSION; }

extern "C" NAPI_MODULE_EXPORT napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  if (chosen.load() == nullptr) chosen = best();
  define(env, exports, "setThreads", set_threads);
  define(env, exports, "threads", threads);
  define(env, exports, "setIsa", set_isa);
  define(env, exports, "isa", isa);
  define(env, exports, "isas", isas);
  napi_value kernels;
  napi_create_object(env, &kernels);
  const OpTable& ops = *chosen.load()->table; // the same list in every variant
  for (int i = 0; i < ops.count; i++) define(env, kernels, ops.ops[i].name, run_op, i);
  napi_set_named_property(env, exports, "kernels", kernels);
  return exports;
}
