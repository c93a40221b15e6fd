// Vectors of N floats. The compiler turns them into the widest registers of the variant that is being built.
#pragma once
#include <cstdint>
#include <cstring>

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

// e^x in place
inline void exp_in_place(float* x, int64_t count) {
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES) store<LANES>(x + i, exp<LANES>(load<LANES>(x + i)));
  if (i == count) return;
  float tail[LANES] = {};
  std::memcpy(tail, x + i, (count - i) * sizeof(float));
  store<LANES>(tail, exp<LANES>(load<LANES>(tail)));
  std::memcpy(x + i, tail, (count - i) * sizeof(float));
}

} // namespace ISA
