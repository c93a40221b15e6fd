// Vectors of N floats. The compiler turns them into the widest registers of the variant that is being built.
#pragma once
#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__AVX512F__)
#define SIMD_LANES 16
#elif defined(__AVX2__)
#define SIMD_LANES 8
#else
#define SIMD_LANES 4
#endif

namespace ISA {

template <int N>
struct Simd {
  typedef float F __attribute__((vector_size(N * 4)));
  typedef int32_t I __attribute__((vector_size(N * 4)));
};
template <int N>
using Floats = typename Simd<N>::F;
template <int N>
using Ints = typename Simd<N>::I;

constexpr int LANES = SIMD_LANES;
using Vec = Floats<LANES>;

template <int N>
inline Floats<N> load(const float* from) {
  Floats<N> v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

template <int N>
inline void store(float* to, Floats<N> v) {
  std::memcpy(to, &v, sizeof v);
}

template <int N>
inline Floats<N> splat(float x) {
  return x - Floats<N>{};
}

// LeakyReLU; takes the negative slope at 0 too.
template <int N>
inline Floats<N> leaky(Floats<N> x, float slope) {
  return x > 0 ? x : x * slope;
}

template <int N>
inline Floats<N> maximum(Floats<N> a, Floats<N> b) {
  return a > b ? a : b;
}

// Sum of the lanes, halves first: the same order in every call.
template <int N>
inline float sum(Floats<N> v) {
  if constexpr (N == 1) {
    return v[0];
  } else {
    Floats<N / 2> low, high;
    std::memcpy(&low, &v, sizeof low);
    std::memcpy(&high, reinterpret_cast<const char*>(&v) + sizeof low, sizeof high);
    return sum<N / 2>(low + high);
  }
}

// The sums of four vectors, each as `sum` would have it: shuffles are shared among them.
template <int N>
inline Floats<4> sum4(Floats<N> a, Floats<N> b, Floats<N> c, Floats<N> d) {
  if constexpr (N < 4) {
    return Floats<4>{sum<N>(a), sum<N>(b), sum<N>(c), sum<N>(d)};
  } else if constexpr (N > 4) {
    const auto halve = [](Floats<N> v) {
      Floats<N / 2> low, high;
      std::memcpy(&low, &v, sizeof low);
      std::memcpy(&high, reinterpret_cast<const char*>(&v) + sizeof low, sizeof high);
      return low + high;
    };
    return sum4<N / 2>(halve(a), halve(b), halve(c), halve(d));
  } else {
    const Floats<4> ab = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const Floats<4> cd = __builtin_shufflevector(c, d, 0, 4, 1, 5) + __builtin_shufflevector(c, d, 2, 6, 3, 7);
    return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
  }
}

template <int SHIFT, int... I>
inline Vec rotate(Vec v, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(v, v, ((I + SHIFT) % LANES)...);
}

// Combines lanes whose numbers are the same modulo `stride`, a power of two; every lane gets the result of its class.
template <int SHIFT = LANES / 2, typename Combine>
inline Vec fold(Vec v, int64_t stride, Combine&& combine) {
  if constexpr (SHIFT == 0) return v;
  else {
    if (SHIFT < stride) return v;
    return fold<SHIFT / 2>(combine(v, rotate<SHIFT>(v, std::make_integer_sequence<int, LANES>{})), stride, combine);
  }
}

// The first `count` lanes from memory, `rest` in the others.
inline Vec load_part(const float* from, int64_t count, float rest = 0) {
  Vec v = splat<LANES>(rest);
  std::memcpy(&v, from, count * sizeof(float));
  return v;
}

inline void store_part(float* to, Vec v, int64_t count) { std::memcpy(to, &v, count * sizeof(float)); }

// e^x for x ≤ 88, to about 2 units in the last place; 0 below −87.3.
template <int N>
inline Floats<N> exp(Floats<N> x) {
  const Floats<N> shifted = x * 1.44269504f + 12582912.0f; // adding 1.5 · 2^23 rounds to an integer, held in the low bits
  const Floats<N> n = shifted - 12582912.0f;
  Floats<N> r = x - n * 0.693359375f; // ln 2 in two parts: the first product is exact
  r = r + n * 2.12194440e-4f;
  Floats<N> p = splat<N>(1.9875691500e-4f); // minimax polynomial of Cephes' expf
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  Ints<N> bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = (bits + (127 - 0x4B400000)) << 23; // 2^n
  Floats<N> power;
  std::memcpy(&power, &bits, sizeof power);
  return x < -87.3f ? Floats<N>{} : p * power;
}

// Calls body(begin, count) for 0, LANES, 2 · LANES, … below `length`; count is LANES but for the last.
template <typename Body>
inline void each_vector(int64_t length, Body&& body) {
  int64_t i = 0;
  for (; i + LANES <= length; i += LANES) body(i, std::integral_constant<int64_t, LANES>{});
  if (i < length) body(i, length - i);
}

} // namespace ISA
