// What an op gets from JavaScript, and how it registers itself.
#pragma once
#include <cstddef>
#include <cstdint>

// An argument is a typed array or a number; which, the op's signature says (see Op).
struct Argument {
  void* data;
  size_t length; // entries, not bytes
  double number;
};

class Call {
 public:
  explicit Call(const Argument* arguments) : arguments_(arguments) {}
  float* f32(int i) const { return static_cast<float*>(arguments_[i].data); }
  double* f64(int i) const { return static_cast<double*>(arguments_[i].data); }
  int32_t* i32(int i) const { return static_cast<int32_t*>(arguments_[i].data); }
  uint32_t* u32(int i) const { return static_cast<uint32_t*>(arguments_[i].data); }
  uint8_t* u8(int i) const { return static_cast<uint8_t*>(arguments_[i].data); }
  int64_t length(int i) const { return static_cast<int64_t>(arguments_[i].length); }
  double number(int i) const { return arguments_[i].number; }
  int64_t integer(int i) const { return static_cast<int64_t>(arguments_[i].number); }
  bool flag(int i) const { return arguments_[i].number != 0; }

 private:
  const Argument* arguments_;
};

// An op of the addon. `signature` has a letter for each argument, checked before the op runs:
// f Float32Array, d Float64Array, i Int32Array, u Uint32Array, b Uint8Array, n number.
struct Op {
  const char* name;
  const char* signature;
  void (*run)(const Call&);
};

struct OpTable {
  const Op* ops;
  int count;
};

constexpr int MAX_ARGUMENTS = 32;
