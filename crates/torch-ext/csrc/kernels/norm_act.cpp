// See the header. TORCH_EXT_SET is the instruction set's name: plain, avx2 or avx512.
#include "norm_act.h"

#include <cstring>

namespace torch_ext {
namespace {

constexpr int64_t kLanes = 16;
constexpr int64_t kRun = 64;  // Rows summed in float32 before the sum moves to float64.

typedef float Floats __attribute__((vector_size(64)));
typedef int32_t Ints __attribute__((vector_size(64)));
typedef uint32_t Words __attribute__((vector_size(64)));
typedef uint16_t Halves __attribute__((vector_size(32)));

#define INLINE inline __attribute__((always_inline))

INLINE Floats load(const float* from) {
  Floats v;
  memcpy(&v, from, sizeof v);
  return v;
}
INLINE Floats load(const uint16_t* from) {
  Halves h;
  memcpy(&h, from, sizeof h);
  return reinterpret_cast<Floats>(__builtin_convertvector(h, Words) << 16);
}
INLINE void store(float* to, Floats v) { memcpy(to, &v, sizeof v); }
INLINE void store(uint16_t* to, Floats v) {
  const Words bits = reinterpret_cast<Words>(v);
  const Words rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;  // To the nearest, ties to even.
  const Ints nan = (bits & 0x7fffffff) > 0x7f800000;
  const Halves h = __builtin_convertvector(nan ? Words{} + 0x7fc0 : rounded, Halves);
  memcpy(to, &h, sizeof h);
}
// Negative values to 0; NaN stays NaN, so that nothing hides it.
INLINE Floats positive(Floats v) { return v < 0.0f ? Floats{} : v; }

// The first `n` of sixteen columns, padded with zeros. Only the last columns of odd widths pass here.
template <typename T>
struct Padded {
  T values[kLanes] = {};
  INLINE Padded(const T* from, int64_t n) { memcpy(values, from, n * sizeof(T)); }
};

template <int N>
struct Tile {
  Floats v[N];
};

// Columns from `c0`: N vectors of them, or the last `rest` < 16 when rest is not 0 (then N is 1).
template <int N, typename T>
INLINE Tile<N> get(const T* row, int64_t rest) {
  Tile<N> tile;
  if (rest == 0) {
    for (int i = 0; i < N; i++) tile.v[i] = load(row + i * kLanes);
  } else {
    tile.v[0] = load(Padded<T>(row, rest).values);
  }
  return tile;
}
template <int N, typename T>
INLINE void put(T* row, const Tile<N>& tile, int64_t rest) {
  if (rest == 0) {
    for (int i = 0; i < N; i++) store(row + i * kLanes, tile.v[i]);
  } else {
    T values[kLanes];
    store(values, tile.v[0]);
    memcpy(row, values, rest * sizeof(T));
  }
}
template <int N>
INLINE void add(double* to, const Tile<N>& tile, int64_t rest) {
  const int64_t n = rest == 0 ? N * kLanes : rest;
  for (int64_t c = 0; c < n; c++) to[c] += tile.v[c / kLanes][c % kLanes];
}

template <int N, typename T>
INLINE void moments(Block b, int64_t c0, int64_t rest, const T* x, const float* centre, double* sums,
                    double* squares) {
  const Tile<N> middle = get<N>(centre + c0, rest);
  for (int64_t r0 = b.first; r0 < b.last; r0 += kRun) {
    Tile<N> s = {}, q = {};
    const int64_t end = r0 + kRun < b.last ? r0 + kRun : b.last;
    for (int64_t r = r0; r < end; r++) {
      const Tile<N> row = get<N>(x + r * b.columns + c0, rest);
      for (int i = 0; i < N; i++) {
        const Floats d = row.v[i] - middle.v[i];
        s.v[i] += d;
        q.v[i] += d * d;
      }
    }
    add(sums + c0, s, rest);
    add(squares + c0, q, rest);
  }
}

template <int N, typename T>
INLINE void apply(Block b, int64_t c0, int64_t rest, const T* x, const float* mean, const float* scale,
                  const float* shift, const T* residual, bool relu, T* y) {
  const Tile<N> m = get<N>(mean + c0, rest), a = get<N>(scale + c0, rest), s = get<N>(shift + c0, rest);
  for (int64_t r = b.first; r < b.last; r++) {
    const int64_t at = r * b.columns + c0;
    Tile<N> row = get<N>(x + at, rest);
    for (int i = 0; i < N; i++) row.v[i] = (row.v[i] - m.v[i]) * a.v[i] + s.v[i];
    if (residual != nullptr) {
      const Tile<N> other = get<N>(residual + at, rest);
      for (int i = 0; i < N; i++) row.v[i] += other.v[i];
    }
    if (relu) {
      for (int i = 0; i < N; i++) row.v[i] = positive(row.v[i]);
    }
    put(y + at, row, rest);
  }
}

// The gradient that passes the relu whose output was `y`.
template <int N, typename T>
INLINE Tile<N> passed(const T* dy, const T* y, int64_t at, int64_t rest) {
  Tile<N> g = get<N>(dy + at, rest);
  if (y != nullptr) {
    const Tile<N> out = get<N>(y + at, rest);
    for (int i = 0; i < N; i++) g.v[i] = out.v[i] <= 0.0f ? Floats{} : g.v[i];
  }
  return g;
}

template <int N, typename T>
INLINE void gradient_moments(Block b, int64_t c0, int64_t rest, const T* dy, const T* y, const T* x,
                             const float* mean, double* sums, double* dots) {
  const Tile<N> m = get<N>(mean + c0, rest);
  for (int64_t r0 = b.first; r0 < b.last; r0 += kRun) {
    Tile<N> s = {}, d = {};
    const int64_t end = r0 + kRun < b.last ? r0 + kRun : b.last;
    for (int64_t r = r0; r < end; r++) {
      const int64_t at = r * b.columns + c0;
      const Tile<N> g = passed<N>(dy, y, at, rest), row = get<N>(x + at, rest);
      for (int i = 0; i < N; i++) {
        s.v[i] += g.v[i];
        d.v[i] += g.v[i] * (row.v[i] - m.v[i]);
      }
    }
    add(sums + c0, s, rest);
    add(dots + c0, d, rest);
  }
}

template <int N, typename T>
INLINE void gradient_apply(Block block, int64_t c0, int64_t rest, const T* dy, const T* y, const T* x,
                           const float* mean, const float* a, const float* b, const float* c, T* dx, T* dresidual) {
  const Tile<N> m = get<N>(mean + c0, rest), ta = get<N>(a + c0, rest), tb = get<N>(b + c0, rest),
                tc = get<N>(c + c0, rest);
  for (int64_t r = block.first; r < block.last; r++) {
    const int64_t at = r * block.columns + c0;
    const Tile<N> g = passed<N>(dy, y, at, rest), row = get<N>(x + at, rest);
    Tile<N> out;
    for (int i = 0; i < N; i++) out.v[i] = ta.v[i] * g.v[i] + (tb.v[i] * (row.v[i] - m.v[i]) + tc.v[i]);
    put(dx + at, out, rest);
    if (dresidual != nullptr) put(dresidual + at, g, rest);
  }
}

// Cuts the columns into tiles of 64, 32 and 16, and what is left.
#define BY_TILES(FUNCTION, BLOCK, ...)                                     \
  int64_t c0 = 0;                                                          \
  for (; c0 + 64 <= BLOCK.columns; c0 += 64) FUNCTION<4>(BLOCK, c0, 0, __VA_ARGS__); \
  for (; c0 + 32 <= BLOCK.columns; c0 += 32) FUNCTION<2>(BLOCK, c0, 0, __VA_ARGS__); \
  for (; c0 + 16 <= BLOCK.columns; c0 += 16) FUNCTION<1>(BLOCK, c0, 0, __VA_ARGS__); \
  if (c0 < BLOCK.columns) FUNCTION<1>(BLOCK, c0, BLOCK.columns - c0, __VA_ARGS__)

template <typename T>
void all_moments(Block b, const T* x, const float* centre, double* sums, double* squares) {
  BY_TILES(moments, b, x, centre, sums, squares);
}
template <typename T>
void all_apply(Block b, const T* x, const float* mean, const float* scale, const float* shift, const T* residual,
               bool relu, T* y) {
  BY_TILES(apply, b, x, mean, scale, shift, residual, relu, y);
}
template <typename T>
void all_gradient_moments(Block b, const T* dy, const T* y, const T* x, const float* mean, double* sums,
                          double* dots) {
  BY_TILES(gradient_moments, b, dy, y, x, mean, sums, dots);
}
template <typename T>
void all_gradient_apply(Block rows, const T* dy, const T* y, const T* x, const float* mean, const float* a,
                        const float* b, const float* c, T* dx, T* dresidual) {
  BY_TILES(gradient_apply, rows, dy, y, x, mean, a, b, c, dx, dresidual);
}

template <typename T>
constexpr NormKernels<T> table() {
  return {all_moments<T>, all_apply<T>, all_gradient_moments<T>, all_gradient_apply<T>};
}

constexpr NormKernelSet kSet = {table<float>(), table<uint16_t>()};

}  // namespace

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
const NormKernelSet& JOIN(norm_kernels_, TORCH_EXT_SET)() { return kSet; }

}  // namespace torch_ext
