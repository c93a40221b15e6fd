// GATv2 attention and its gradient; formulas in numeric.ts.
#pragma once
#include <algorithm>

#include "../native/by-source.h"
#include "../native/call.h"
#include "../native/pool.h"
#include "../native/scratch.h"
#include "../native/simd.h"

namespace ISA {

struct GatV2 {
  const float *z, *t, *edge_features, *edge_weight, *attn;
  const int32_t *row_ptr, *col_index;
  int64_t channels, edge_dim, heads, num_targets;
  float slope;

  int64_t head_dim() const { return channels / heads; }
};

constexpr int64_t TARGETS_PER_TASK = 64; // enough for a task to last some microseconds
constexpr int64_t SOURCES_PER_TASK = 128;

// u of N channels from c on, for one edge. F edge features; −1: as many as there are
template <int N, int F>
inline Floats<N> pre_activation(const GatV2& g, int64_t source, int64_t target, int64_t edge, int64_t c) {
  Floats<N> u = load<N>(g.z + source * g.channels + c) + load<N>(g.t + target * g.channels + c);
  const float* features = g.edge_features + edge * g.edge_dim;
  if constexpr (F >= 0) {
#pragma GCC unroll 8
    for (int f = 0; f < F; f++) u += features[f] * load<N>(g.edge_weight + f * g.channels + c);
  } else {
    for (int64_t f = 0; f < g.edge_dim; f++) u += features[f] * load<N>(g.edge_weight + f * g.channels + c);
  }
  return u;
}

// For the edges of one target: out[e, h] = Σ over the channels of head h of product(edge, channel), a vector of N. Four
// sums are made at a time, whatever edges and heads they belong to.
template <int N, typename Product>
inline void sum_heads(const GatV2& g, int64_t first, int64_t last, float* out, Product&& product) {
  const int64_t heads = g.heads, head_dim = g.head_dim(), end = last * heads;
  int64_t e = first, h = 0;
  const auto next = [&] {
    Floats<N> total{};
    for (int64_t c = h * head_dim; c < (h + 1) * head_dim; c += N) total += product(e, c);
    if (++h == heads) h = 0, e++;
    return total;
  };
  int64_t i = first * heads;
  for (; i + 4 <= end; i += 4) {
    const Floats<N> a = next(), b = next(), c = next(), d = next();
    store<4>(out + i, sum4<N>(a, b, c, d));
  }
  for (; i < end; i++) out[i] = sum<N>(next());
}

// Softmax of each head over a target's edges, in place; `row` is [edges, heads].
inline void softmax_heads(float* row, int64_t entries, int64_t heads) {
  const auto maximum = [](Vec a, Vec b) { return a > b ? a : b; };
  if (LANES % heads == 0) { // lanes of one head stand in the same places of every vector
    Vec top = splat<LANES>(-__builtin_inff()); // subtracted, so that exp cannot overflow
    each_vector(entries, [&](int64_t i, auto some) { top = maximum(load_part(row + i, some, -__builtin_inff()), top); });
    top = fold(top, heads, maximum);
    Vec total{};
    each_vector(entries, [&](int64_t i, auto some) {
      const Vec p = exp<LANES>(load_part(row + i, some, -__builtin_inff()) - top);
      total += p;
      store_part(row + i, p, some);
    });
    const Vec scale = 1 / fold(total, heads, [](Vec a, Vec b) { return a + b; });
    each_vector(entries, [&](int64_t i, auto some) { store_part(row + i, load_part(row + i, some) * scale, some); });
    return;
  }
  for (int64_t h = 0; h < heads; h++) {
    float top = -__builtin_inff();
    for (int64_t i = h; i < entries; i += heads) top = std::max(top, row[i]);
    for (int64_t i = h; i < entries; i += heads) row[i] -= top;
  }
  each_vector(entries, [&](int64_t i, auto some) { store_part(row + i, exp<LANES>(load_part(row + i, some)), some); });
  for (int64_t h = 0; h < heads; h++) {
    float total = 0;
    for (int64_t i = h; i < entries; i += heads) total += row[i];
    for (int64_t i = h; i < entries; i += heads) row[i] /= total;
  }
}

// Backward of softmax_heads: gradients of probabilities become those of logits.
inline void softmax_heads_grad(const float* attention, float* d, int64_t entries, int64_t heads) {
  if (LANES % heads == 0) {
    Vec mean{}; // of the gradient under the row's attention
    each_vector(entries, [&](int64_t i, auto some) { mean += load_part(attention + i, some) * load_part(d + i, some); });
    mean = fold(mean, heads, [](Vec a, Vec b) { return a + b; });
    each_vector(entries, [&](int64_t i, auto some) {
      store_part(d + i, load_part(attention + i, some) * (load_part(d + i, some) - mean), some);
    });
    return;
  }
  for (int64_t h = 0; h < heads; h++) {
    float mean = 0;
    for (int64_t i = h; i < entries; i += heads) mean += attention[i] * d[i];
    for (int64_t i = h; i < entries; i += heads) d[i] = attention[i] * (d[i] - mean);
  }
}

template <int N, int F>
void attend_rows(const GatV2& g, int64_t begin, int64_t end, float* out, float* attention) {
  const int64_t channels = g.channels, heads = g.heads, head_dim = g.head_dim();
  for (int64_t b = begin; b < end; b++) {
    const int64_t first = g.row_ptr[b], last = g.row_ptr[b + 1];
    sum_heads<N>(g, first, last, attention, [&](int64_t e, int64_t c) {
      return load<N>(g.attn + c) * leaky<N>(pre_activation<N, F>(g, g.col_index[e], b, e, c), g.slope);
    });
    softmax_heads(attention + first * heads, (last - first) * heads, heads);
    for (int64_t h = 0; h < heads; h++)
      for (int64_t c = h * head_dim; c < (h + 1) * head_dim; c += N) {
        Floats<N> mean{};
        for (int64_t e = first; e < last; e++) mean += attention[e * heads + h] * load<N>(g.z + g.col_index[e] * channels + c);
        store<N>(out + b * channels + c, mean);
      }
  }
}

struct GatV2Backward : GatV2 {
  const float *attention, *d_out;
  float *d_logits; // [E, H]
  float *d_t, *d_z;
};

// dLogits and dT of some targets, and their part of dEdgeWeight [F, C] and dAttn [C], which stand together in `partial`
template <int N, int F>
void backward_targets(const GatV2Backward& g, int64_t begin, int64_t end, float* partial) {
  const int64_t channels = g.channels, heads = g.heads, head_dim = g.head_dim(), edge_dim = g.edge_dim;
  float* d_attn = partial + edge_dim * channels;
  std::fill_n(partial, (edge_dim + 1) * channels, 0.0f);
  for (int64_t b = begin; b < end; b++) {
    const int64_t first = g.row_ptr[b], last = g.row_ptr[b + 1];
    const float* d_out = g.d_out + b * channels;
    sum_heads<N>(g, first, last, g.d_logits,
                 [&](int64_t e, int64_t c) { return load<N>(d_out + c) * load<N>(g.z + g.col_index[e] * channels + c); });
    softmax_heads_grad(g.attention + first * heads, g.d_logits + first * heads, (last - first) * heads, heads);
    for (int64_t h = 0; h < heads; h++) {
      for (int64_t c = h * head_dim; c < (h + 1) * head_dim; c += N) {
        const Floats<N> a = load<N>(g.attn + c);
        Floats<N> sum_t{}, sum_a{};
        Floats<N> sum_w[F > 0 ? F : 1] = {};
        for (int64_t e = first; e < last; e++) {
          const Floats<N> u = pre_activation<N, F>(g, g.col_index[e], b, e, c);
          const float d_logit = g.d_logits[e * heads + h];
          sum_a += d_logit * leaky<N>(u, g.slope);
          const Floats<N> du = d_logit * (u > 0 ? a : a * g.slope);
          sum_t += du;
          const float* features = g.edge_features + e * edge_dim;
          if constexpr (F >= 0) {
#pragma GCC unroll 8
            for (int f = 0; f < F; f++) sum_w[f] += features[f] * du;
          } else {
            for (int64_t f = 0; f < edge_dim; f++) {
              float* to = partial + f * channels + c;
              store<N>(to, load<N>(to) + features[f] * du);
            }
          }
        }
        store<N>(g.d_t + b * channels + c, sum_t);
        store<N>(d_attn + c, load<N>(d_attn + c) + sum_a);
        for (int f = 0; f < F; f++) {
          float* to = partial + f * channels + c;
          store<N>(to, load<N>(to) + sum_w[f]);
        }
      }
    }
  }
}

template <int N, int F>
void backward_sources(const GatV2Backward& g, const EdgesBySource& edges, int64_t begin, int64_t end) {
  const int64_t channels = g.channels, heads = g.heads, head_dim = g.head_dim();
  for (int64_t r = begin; r < end; r++)
    for (int64_t h = 0; h < heads; h++)
      for (int64_t c = h * head_dim; c < (h + 1) * head_dim; c += N) {
        const Floats<N> a = load<N>(g.attn + c);
        Floats<N> total{};
        for (int64_t i = edges.ptr[r]; i < edges.ptr[r + 1]; i++) {
          const int64_t e = edges.edge[i], b = edges.target[i];
          const Floats<N> u = pre_activation<N, F>(g, r, b, e, c);
          total += g.attention[e * heads + h] * load<N>(g.d_out + b * channels + c) +
                   g.d_logits[e * heads + h] * (u > 0 ? a : a * g.slope);
        }
        store<N>(g.d_z + r * channels + c, total);
      }
}

// Calls body<N, F>() with the widest vectors that fit a head, and with F spelled out where it is small.
template <int N = LANES, typename Body>
void choose_width(const GatV2& g, Body&& body) {
  if constexpr (N > 1) {
    if (g.head_dim() % N != 0) return choose_width<(N > 4 ? N / 2 : 1)>(g, body);
  }
  if constexpr (N < 4) {
    body.template operator()<N, -1>();
  } else {
    switch (g.edge_dim) {
      case 0: return body.template operator()<N, 0>();
      case 1: return body.template operator()<N, 1>();
      case 2: return body.template operator()<N, 2>();
      case 3: return body.template operator()<N, 3>();
      case 4: return body.template operator()<N, 4>();
      default: return body.template operator()<N, -1>();
    }
  }
}

inline GatV2 gatv2_inputs(const Call& call, int sizes) {
  GatV2 g;
  g.z = call.f32(0), g.t = call.f32(1), g.edge_features = call.f32(2), g.edge_weight = call.f32(3), g.attn = call.f32(4);
  g.row_ptr = call.i32(5), g.col_index = call.i32(6);
  g.num_targets = call.length(5) - 1;
  g.channels = call.integer(sizes), g.edge_dim = call.integer(sizes + 1), g.heads = call.integer(sizes + 2);
  g.slope = static_cast<float>(call.number(sizes + 3));
  return g;
}

// inputs (7), out, attention, channels, edgeDim, numHeads, negativeSlope
inline void gatv2_attention(const Call& call) {
  const GatV2 g = gatv2_inputs(call, 9);
  float *out = call.f32(7), *attention = call.f32(8);
  choose_width(g, [&]<int N, int F>() {
    pool::parallel_ranges(g.num_targets, TARGETS_PER_TASK,
                          [&](int64_t begin, int64_t end) { attend_rows<N, F>(g, begin, end, out, attention); });
  });
}

// inputs (7), attention, dOut, dZ, dT, dEdgeWeight, dAttn, channels, edgeDim, numHeads, negativeSlope
inline void gatv2_attention_grad(const Call& call) {
  const GatV2 inputs = gatv2_inputs(call, 13);
  const int64_t num_edges = call.length(6), num_sources = call.length(0) / std::max<int64_t>(1, inputs.channels);
  const int64_t width = (inputs.edge_dim + 1) * inputs.channels;
  const int64_t tasks = (inputs.num_targets + TARGETS_PER_TASK - 1) / TARGETS_PER_TASK;
  static thread_local Scratch<float> d_logits, partials;
  GatV2Backward g{inputs, call.f32(7), call.f32(8), d_logits.take(num_edges * inputs.heads), call.f32(10), call.f32(9)};
  float* partial = partials.take(tasks * width);

  choose_width(g, [&]<int N, int F>() {
    pool::parallel_ranges(g.num_targets, TARGETS_PER_TASK, [&](int64_t begin, int64_t end) {
      backward_targets<N, F>(g, begin, end, partial + begin / TARGETS_PER_TASK * width);
    });
    const EdgesBySource edges = edges_by_source(g.row_ptr, g.num_targets, g.col_index, num_edges, num_sources);
    pool::parallel_ranges(num_sources, SOURCES_PER_TASK,
                          [&](int64_t begin, int64_t end) { backward_sources<N, F>(g, edges, begin, end); });
  });
  float *d_edge_weight = call.f32(11), *d_attn = call.f32(12);
  for (int64_t i = 0; i < width; i++) {
    double total = 0;
    for (int64_t task = 0; task < tasks; task++) total += partial[task * width + i];
    (i < width - g.channels ? d_edge_weight[i] : d_attn[i - (width - g.channels)]) = static_cast<float>(total);
  }
}

constexpr Op gatv2_ops[] = {
    {"gatV2Attention", "fffffiiffnnnn", gatv2_attention},
    {"gatV2AttentionGrad", "fffffiiffffffnnnn", gatv2_attention_grad},
};

} // namespace ISA
