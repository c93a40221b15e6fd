// Contrastive loss over candidates and its gradient; formulas in numeric.ts.
//
// Users are taken some tiles at a time, so that their exponentials stay in the cache between the two passes over the
// candidates: the first makes them and the normalisers, the second turns them into the gradient of the logits and
// multiplies. B × M of them would be hundreds of megabytes where all subreddits are candidates. A tile has candidates
// down and users across: maxima and sums run over whole vectors.
//
// Candidates are cut into strips whose number depends on M alone. A strip owns its rows of dC; of what is summed over
// candidates (normalisers, dY) it makes a part, and the parts are added in the order of strips.
#pragma once
#include <algorithm>
#include <cmath>
#include <utility>

#include "../mat-mul/native.h"
#include "../native/call.h"
#include "../native/pool.h"
#include "../native/scratch.h"
#include "../native/simd.h"

namespace ISA {

constexpr int64_t TILE_USERS = 64;
constexpr int64_t TILE_CANDIDATES = 128;
constexpr int64_t TILE = TILE_USERS * TILE_CANDIDATES;
constexpr int64_t HELD = 1 << 22; // exponentials at a time, 16 MB, but never fewer than those of two tiles of users

struct InfoNce {
  const float *y, *c;
  const int32_t *pos_ptr, *pos_index, *mask_ptr, *mask_index;
  const float* log_q;
  int64_t dim, num_users, num_candidates;
  float inverse_temperature;

  int64_t user_tiles() const { return (num_users + TILE_USERS - 1) / TILE_USERS; }
  int64_t candidate_tiles() const { return (num_candidates + TILE_CANDIDATES - 1) / TILE_CANDIDATES; }
  int64_t user_tiles_at_once() const {
    const int64_t fit = HELD / (std::max<int64_t>(1, candidate_tiles()) * TILE);
    return std::min(user_tiles(), std::max<int64_t>(2, fit));
  }
  int64_t strips() const {
    return std::clamp<int64_t>(candidate_tiles() / 2, 1, num_candidates >= 16384 ? 16 : 8);
  }
  int64_t strip_begin(int64_t strip) const { return candidate_tiles() * strip / strips(); } // in tiles
  int64_t positives(int64_t user) const { return pos_ptr[user + 1] - pos_ptr[user]; }
};

inline InfoNce info_nce_inputs(const Call& call, int sizes) {
  InfoNce g;
  g.y = call.f32(0), g.c = call.f32(1);
  g.pos_ptr = call.i32(2), g.pos_index = call.i32(3), g.mask_ptr = call.i32(4), g.mask_index = call.i32(5);
  g.log_q = call.f32(6);
  g.num_users = call.length(2) - 1, g.num_candidates = call.length(6);
  g.dim = call.integer(sizes);
  g.inverse_temperature = static_cast<float>(1 / call.number(sizes + 1));
  return g;
}

// A pair that is no plain negative: a positive with its multiplicity, or a masked pair with 0. `cell` is its place in
// the tile: candidate · TILE_USERS + user.
struct Pair {
  int32_t cell;
  float positives;
};

// Pairs sorted by tile: those of user tile i and candidate tile j stand from ptr[i · (candidateTiles + 1) + j] on.
struct Pairs {
  const Pair* pairs;
  const int64_t* ptr;
  int64_t row; // candidateTiles + 1

  template <typename Body>
  void in_tile(int64_t user_tile, int64_t candidate_tile, Body&& body) const {
    const int64_t* at = ptr + user_tile * row + candidate_tile;
    for (int64_t i = at[0]; i < at[1]; i++) body(pairs[i]);
  }
};

inline Pairs sort_pairs(const InfoNce& g) {
  static thread_local Scratch<Pair> pair_scratch;
  static thread_local Scratch<int64_t> ptr_scratch;
  const int64_t row = g.candidate_tiles() + 1;
  Pair* pairs = pair_scratch.take(g.pos_ptr[g.num_users] + g.mask_ptr[g.num_users]);
  int64_t* ptr = ptr_scratch.take(g.user_tiles() * row);
  struct Found {
    int32_t candidate, user;
    float positives;
  };
  pool::parallel(g.user_tiles(), [&](int64_t tile) {
    static thread_local Scratch<Found> found_scratch;
    static thread_local Scratch<int32_t> seen_scratch;
    const int64_t begin = tile * TILE_USERS, end = std::min(begin + TILE_USERS, g.num_users);
    const int64_t first = g.pos_ptr[begin] + g.mask_ptr[begin];
    Found* found = found_scratch.take(g.pos_ptr[end] + g.mask_ptr[end] - first);
    int32_t* seen = seen_scratch.take(g.num_candidates); // place in `found` where this user was the last to ask
    std::fill_n(seen, g.num_candidates, -1);
    int64_t* at = ptr + tile * row;
    std::fill_n(at, row, 0);
    int32_t count = 0;
    for (int64_t b = begin; b < end; b++) {
      const int32_t own = count;
      const auto find = [&](int32_t m) -> Found& {
        if (seen[m] < own) {
          seen[m] = count;
          found[count++] = {m, static_cast<int32_t>(b - begin), 0.0f};
          at[m / TILE_CANDIDATES]++;
        }
        return found[seen[m]];
      };
      for (int32_t p = g.pos_ptr[b]; p < g.pos_ptr[b + 1]; p++) find(g.pos_index[p]).positives++;
      for (int32_t k = g.mask_ptr[b]; k < g.mask_ptr[b + 1]; k++) find(g.mask_index[k]); // a positive stays one
    }
    int64_t next = first;
    for (int64_t j = 0; j < row; j++) next += std::exchange(at[j], next);
    for (int32_t i = 0; i < count; i++) {
      const int64_t j = found[i].candidate / TILE_CANDIDATES;
      const int64_t cell = (found[i].candidate - j * TILE_CANDIDATES) * TILE_USERS + found[i].user;
      pairs[at[j]++] = {static_cast<int32_t>(cell), found[i].positives};
    }
    for (int64_t j = row - 1; j > 0; j--) at[j] = at[j - 1]; // counting moved every start to its end
    at[0] = first;
  });
  return {pairs, ptr, row};
}

// Users of a tile across, over the temperature: [D, TILE_USERS] in panels, zeros where there are no more users.
inline const float* pack_users(const InfoNce& g) {
  static thread_local Scratch<float> scratch;
  float* packed = scratch.take(g.user_tiles() * TILE_USERS * g.dim);
  pool::parallel(g.user_tiles() * (TILE_USERS / PANEL), [&](int64_t i) {
    const int64_t begin = i * PANEL;
    const int64_t users = std::clamp<int64_t>(g.num_users - begin, 0, PANEL);
    float* panel = packed + begin * g.dim;
    pack({g.y + begin * g.dim, 1, g.dim}, g.dim, users, PANEL, panel);
    for (int64_t k = 0; k < g.dim * PANEL; k++) panel[k] *= g.inverse_temperature;
  });
  return packed;
}

// Logits of a tile before −logQ, which whoever reads them subtracts: −∞ where masked, with logQ added where positive.
// `on_positive` gets each positive's pair and logit.
template <typename OnPositive>
inline void tile_logits(const InfoNce& g, const float* packed, const Pairs& pairs, int64_t user_tile, int64_t candidate_tile, float* tile, OnPositive&& on_positive) {
  const int64_t begin = candidate_tile * TILE_CANDIDATES;
  const int64_t rows = std::min(TILE_CANDIDATES, g.num_candidates - begin);
  const float* users = packed + user_tile * TILE_USERS * g.dim;
  for (int64_t u = 0; u < TILE_USERS; u += PANEL)
    multiply_panel(rows, PANEL, g.dim, {g.c + begin * g.dim, g.dim, 1}, users + u * g.dim, PANEL, tile + u, TILE_USERS, false);
  pairs.in_tile(user_tile, candidate_tile, [&](const Pair& pair) {
    float& logit = tile[pair.cell];
    if (pair.positives > 0) {
      on_positive(pair, logit);
      logit += g.log_q[begin + pair.cell / TILE_USERS];
    } else {
      logit = -__builtin_inff();
    }
  });
}

// What a strip knows of a user: Σ e^(logit − max) over its candidates, and Σ logits of its positives.
struct StripSum {
  float max;
  double sum, positives;
};

// Turns the logits of a tile into e^(logit − top), `top` being the largest of that user which the strip has seen so far,
// and adds them to the strip's sums. `tops` [TILE_USERS] keeps what was subtracted.
inline void exponentials(const float* log_q, int64_t rows, float* tile, StripSum* sums, float* tops) {
  for (int64_t u = 0; u < TILE_USERS; u += LANES) {
    alignas(64) float max[LANES], sum[LANES];
    for (int64_t l = 0; l < LANES; l++) max[l] = sums[u + l].max;
    Vec top = load<LANES>(max);
    for (int64_t m = 0; m < rows; m++) top = maximum<LANES>(load<LANES>(tile + m * TILE_USERS + u) - log_q[m], top);
    Vec total{};
    for (int64_t m = 0; m < rows; m++) {
      float* at = tile + m * TILE_USERS + u;
      const Vec e = exp<LANES>(load<LANES>(at) - (log_q[m] + top));
      store<LANES>(at, e);
      total += e;
    }
    store<LANES>(tops + u, top);
    store<LANES>(max, top);
    store<LANES>(sum, total);
    for (int64_t l = 0; l < LANES; l++) {
      StripSum& s = sums[u + l];
      if (max[l] != s.max) s.sum *= std::exp(static_cast<double>(s.max) - max[l]);
      s.sum += sum[l];
      s.max = max[l];
    }
  }
}

// inputs (7), dY, dC, loss [1], dim, temperature
inline void info_nce(const Call& call) {
  const InfoNce g = info_nce_inputs(call, 10);
  float *d_y = call.f32(7), *d_c = call.f32(8);
  const Pairs pairs = sort_pairs(g);
  const float* packed = pack_users(g);
  const int64_t strips = g.strips(), at_once = g.user_tiles_at_once(), wide = at_once * TILE_USERS;

  int64_t anchors = 0;
  for (int64_t b = 0; b < g.num_users; b++) anchors += g.positives(b) > 0;
  const double scale = static_cast<double>(g.inverse_temperature) / std::max<int64_t>(1, anchors);

  static thread_local Scratch<float> tile_scratch, top_scratch, part_scratch, per_user_scratch;
  static thread_local Scratch<StripSum> sum_scratch;
  float* tiles = tile_scratch.take(g.candidate_tiles() * at_once * TILE); // tile (j, i) of those at once: j · at_once + i
  float* tops = top_scratch.take(g.candidate_tiles() * wide);
  float* parts = part_scratch.take(strips * wide * g.dim);
  StripSum* sums = sum_scratch.take(strips * wide);
  // of each user: normaliser (infinite without positives, so that every probability is 0), weight, share of a positive
  float* normaliser = per_user_scratch.take(3 * wide);
  float *weight = normaliser + wide, *share = weight + wide;

  double total = 0;
  for (int64_t first = 0; first < g.user_tiles(); first += at_once) {
    const int64_t count = std::min(at_once, g.user_tiles() - first);
    const int64_t begin = first * TILE_USERS, users = std::min(wide, g.num_users - begin);

    pool::parallel(strips, [&](int64_t strip) {
      StripSum* own = sums + strip * wide;
      std::fill_n(own, wide, StripSum{-__FLT_MAX__, 0, 0});
      for (int64_t j = g.strip_begin(strip); j < g.strip_begin(strip + 1); j++)
        for (int64_t i = 0; i < count; i++) {
          float* tile = tiles + (j * at_once + i) * TILE;
          StripSum* of_tile = own + i * TILE_USERS;
          tile_logits(g, packed, pairs, first + i, j, tile, [&](const Pair& pair, float logit) {
            of_tile[pair.cell % TILE_USERS].positives += static_cast<double>(pair.positives) * logit;
          });
          const int64_t rows = std::min(TILE_CANDIDATES, g.num_candidates - j * TILE_CANDIDATES);
          exponentials(g.log_q + j * TILE_CANDIDATES, rows, tile, of_tile, tops + j * wide + i * TILE_USERS);
        }
    });

    for (int64_t b = 0; b < count * TILE_USERS; b++) {
      const int64_t positives = b < users ? g.positives(begin + b) : 0;
      const double root = std::sqrt(static_cast<double>(positives));
      normaliser[b] = __builtin_inff();
      weight[b] = static_cast<float>(scale * root);
      share[b] = root > 0 ? static_cast<float>(scale / root) : 0;
      if (positives == 0) continue;
      float max = -__FLT_MAX__;
      for (int64_t s = 0; s < strips; s++) max = std::max(max, sums[s * wide + b].max);
      double sum = 0, logits = 0;
      for (int64_t s = 0; s < strips; s++) {
        const StripSum& part = sums[s * wide + b];
        sum += part.sum * std::exp(static_cast<double>(part.max) - max);
        logits += part.positives;
      }
      const double log_sum_exp = max + std::log(sum);
      normaliser[b] = static_cast<float>(log_sum_exp);
      total += (positives * log_sum_exp - logits) / root;
    }

    pool::parallel(strips, [&](int64_t strip) {
      float* part = parts + strip * wide * g.dim;
      const int64_t first_tile = g.strip_begin(strip);
      for (int64_t j = first_tile; j < g.strip_begin(strip + 1); j++) {
        const float* c = g.c + j * TILE_CANDIDATES * g.dim;
        const int64_t rows = std::min(TILE_CANDIDATES, g.num_candidates - j * TILE_CANDIDATES);
        for (int64_t i = 0; i < count; i++) {
          float* tile = tiles + (j * at_once + i) * TILE;
          const int64_t at = i * TILE_USERS, width = std::min(TILE_USERS, users - at);
          for (int64_t u = 0; u < TILE_USERS; u += LANES) {
            const Vec top = load<LANES>(tops + j * wide + at + u);
            const Vec factor = exp<LANES>(top - load<LANES>(normaliser + at + u)) * load<LANES>(weight + at + u);
            for (int64_t m = 0; m < rows; m++) {
              float* to = tile + m * TILE_USERS + u;
              store<LANES>(to, load<LANES>(to) * factor);
            }
          }
          pairs.in_tile(first + i, j, [&](const Pair& pair) { tile[pair.cell] -= pair.positives * share[at + pair.cell % TILE_USERS]; });
          multiply(rows, g.dim, width, {tile, TILE_USERS, 1}, {g.y + (begin + at) * g.dim, g.dim, 1}, d_c + j * TILE_CANDIDATES * g.dim, g.dim, first + i > 0);
          multiply(width, g.dim, rows, {tile, 1, TILE_USERS}, {c, g.dim, 1}, part + at * g.dim, g.dim, j > first_tile);
        }
      }
    });

    pool::parallel_ranges(users * g.dim, 1 << 14, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; i++) {
        float sum = 0;
        for (int64_t s = 0; s < strips; s++) sum += parts[s * wide * g.dim + i];
        d_y[begin * g.dim + i] = sum;
      }
    });
  }
  if (g.num_users == 0) std::fill_n(d_c, g.num_candidates * g.dim, 0.0f);
  call.f64(9)[0] = total / std::max<int64_t>(1, anchors);
}

constexpr Op info_nce_op = {"infoNce", "ffiiiifffdnn", info_nce};

} // namespace ISA
