// Memory that a thread keeps from call to call, so that a step does not pay for fresh pages each time.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <new>

template <typename T>
class Scratch {
 public:
  ~Scratch() { std::free(data_); }
  // At least `count` entries, aligned to 64 bytes, with whatever stood there.
  T* take(int64_t count) {
    if (count > count_) {
      std::free(data_);
      count_ = 0;
      data_ = static_cast<T*>(std::aligned_alloc(64, (static_cast<size_t>(count) * sizeof(T) + 63) / 64 * 64));
      if (data_ == nullptr) throw std::bad_alloc();
      count_ = count;
    }
    return data_;
  }

 private:
  T* data_ = nullptr;
  int64_t count_ = 0;
};
