// The loops of norm_act.cpp, compiled once per instruction set.
//
// Nothing from libtorch is included here: its inline functions, compiled for a wide instruction set, could be the
// copies that the linker keeps for everybody.
#pragma once

#include <cstdint>

namespace torch_ext {

// A block of rows of a matrix with `columns` columns.
struct Block {
  int64_t first, last, columns;
};

// `T` is float or uint16_t, which stands for bfloat16. Per-column inputs and sums have `columns` entries.
template <typename T>
struct NormKernels {
  // sums += Σ (x - centre), squares += Σ (x - centre)².
  void (*moments)(Block rows, const T* x, const float* centre, double* sums, double* squares);

  // y = (x - mean) * scale + shift [+ residual], negative values to 0 if `relu`.
  void (*apply)(Block rows, const T* x, const float* mean, const float* scale, const float* shift, const T* residual,
                bool relu, T* y);

  // With g = dy where y is not 0 (everywhere if y is null): sums += Σ g, dots += Σ g (x - mean).
  void (*gradient_moments)(Block rows, const T* dy, const T* y, const T* x, const float* mean, double* sums,
                           double* dots);

  // dx = a g + b (x - mean) + c, and dresidual = g unless null.
  void (*gradient_apply)(Block rows, const T* dy, const T* y, const T* x, const float* mean, const float* a,
                         const float* b, const float* c, T* dx, T* dresidual);
};

struct NormKernelSet {
  NormKernels<float> f32;
  NormKernels<uint16_t> bf16;
};

const NormKernelSet& norm_kernels_plain();
#if defined(__x86_64__)
const NormKernelSet& norm_kernels_avx2();
const NormKernelSet& norm_kernels_avx512();
#endif

}  // namespace torch_ext
