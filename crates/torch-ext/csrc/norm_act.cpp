// Batch norm, residual sum and relu in one operation, for activations with channels innermost on the CPU.
//
// libtorch runs them one after another, and each reads and writes a whole activation, forward and backward. Here
// forward reads the input twice and writes once, and so does backward. Arithmetic is float32 whatever the activations
// are, and sums are taken over fixed blocks of rows, so that a result does not depend on the number of threads.
//
// An activation [B, C, H, W] with channels innermost, or [B, C], is a matrix of M rows and C columns. Whatever is not
// (another layout, float64, CUDA) goes through libtorch's own operations.
#include "kernels/norm_act.h"
#include "shim.h"

#include <ATen/TensorIterator.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <optional>

using namespace torch_ext;

namespace {

constexpr int64_t kBlocks = 64;   // Parts of a sum over rows.
constexpr int64_t kMinRows = 32;  // A smaller part is not worth a thread.

const NormKernelSet& kernels() {
#if defined(__x86_64__)
  // The build says what each set was compiled for.
  static const NormKernelSet& best = TORCH_EXT_RUNS_avx512 ? norm_kernels_avx512()
                                     : TORCH_EXT_RUNS_avx2 ? norm_kernels_avx2()
                                                           : norm_kernels_plain();
  return best;
#else
  return norm_kernels_plain();
#endif
}
template <typename T>
const NormKernels<T>& kernels_for();
template <>
const NormKernels<float>& kernels_for<float>() { return kernels().f32; }
template <>
const NormKernels<uint16_t>& kernels_for<uint16_t>() { return kernels().bf16; }

template <typename T>
T* data(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<T*>(tensor.data_ptr()) : nullptr;
}

// Calls `body(block)` for 0 … count-1 on libtorch's own threads. TensorIterator's loop is the way to them that does
// not need OpenMP in this library, where a second OpenMP runtime would fight the first for the cores.
template <typename F>
void parallel(int64_t count, const F& body) {
  auto numbers = at::arange(count, at::kLong);
  auto iterator = at::TensorIterator::nullary_op(numbers);
  iterator.for_each(
      [&](char** at, const int64_t* strides, int64_t n, int64_t outer) {
        for (int64_t j = 0; j < outer; j++) {
          for (int64_t i = 0; i < n; i++) {
            body(*reinterpret_cast<int64_t*>(at[0] + i * strides[0] + j * strides[1]));
          }
        }
      },
      /*grain_size=*/1);
}

struct Matrix {
  int64_t rows, columns, step, blocks;
  explicit Matrix(const at::Tensor& x)
      : rows(x.numel() / x.size(1)),
        columns(x.size(1)),
        step(std::max(kMinRows, (rows + kBlocks - 1) / kBlocks)),
        blocks((rows + step - 1) / step) {}
  Block block(int64_t index) const { return {index * step, std::min(rows, (index + 1) * step), columns}; }

  // Σ over blocks of two vectors per block, each block's by itself: the order of sums is fixed.
  template <typename F>
  std::vector<double> sums(const F& part) const {
    std::vector<double> parts(blocks * 2 * columns, 0.0), total(2 * columns, 0.0);
    parallel(blocks, [&](int64_t i) {
      double* mine = parts.data() + i * 2 * columns;
      part(block(i), mine, mine + columns);
    });
    for (int64_t i = 0; i < blocks; i++) {
      for (int64_t c = 0; c < 2 * columns; c++) total[c] += parts[i * 2 * columns + c];
    }
    return total;
  }
};

at::MemoryFormat format(const at::Tensor& x) {
  return x.dim() == 4 ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
}

struct Settings {
  bool training, relu;
  double momentum, eps;
};

// Statistics over the rows: mean and 1/sqrt(variance + eps) as float32, running ones updated.
template <typename T>
void batch_statistics(const at::Tensor& x, const at::Tensor& running_mean, const at::Tensor& running_var,
                      const Settings& how, float* mean, float* inverse) {
  const Matrix m(x);
  const T* in = data<T>(x);
  // Sums around the first row do not cancel when a channel's mean is far from 0.
  std::vector<float> centre(m.columns);
  const std::vector<float> zero(m.columns, 0.0f), one(m.columns, 1.0f);
  const auto first = x.dim() == 4 ? x.select(0, 0).select(1, 0).select(1, 0) : x.select(0, 0);
  const auto first32 = first.to(at::kFloat).contiguous();
  std::copy_n(data<float>(first32), m.columns, centre.begin());
  const auto total = m.sums([&](Block b, double* sums, double* squares) {
    kernels_for<T>().moments(b, in, centre.data(), sums, squares);
  });
  float* rm = data<float>(running_mean);
  float* rv = data<float>(running_var);
  for (int64_t c = 0; c < m.columns; c++) {
    const double shift = total[c] / m.rows;
    const double variance = std::max(0.0, total[m.columns + c] / m.rows - shift * shift);
    mean[c] = static_cast<float>(centre[c] + shift);
    inverse[c] = static_cast<float>(1.0 / std::sqrt(variance + how.eps));
    if (rm != nullptr) {
      const double unbiased = variance * m.rows / std::max<int64_t>(1, m.rows - 1);
      rm[c] = static_cast<float>((1.0 - how.momentum) * rm[c] + how.momentum * (centre[c] + shift));
      rv[c] = static_cast<float>((1.0 - how.momentum) * rv[c] + how.momentum * unbiased);
    }
  }
}

template <typename T>
at::Tensor normalise(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                     const at::Tensor& residual, const Settings& how, const float* mean, const float* inverse) {
  const Matrix m(x);
  std::vector<float> scale(inverse, inverse + m.columns), shift(m.columns, 0.0f);
  if (weight.defined()) {
    for (int64_t c = 0; c < m.columns; c++) {
      scale[c] *= data<float>(weight)[c];
      shift[c] = data<float>(bias)[c];
    }
  }
  auto y = at::empty_like(x);
  T* out = data<T>(y);
  const T* in = data<T>(x);
  const T* other = data<T>(residual);
  parallel(m.blocks, [&](int64_t i) {
    kernels_for<T>().apply(m.block(i), in, mean, scale.data(), shift.data(), other, how.relu, out);
  });
  return y;
}

// Gradients by x, weight, bias and residual.
template <typename T>
std::array<at::Tensor, 4> differentiate(const at::Tensor& dy, const at::Tensor& y, const at::Tensor& x,
                                        const at::Tensor& weight, const at::Tensor& mean, const at::Tensor& inverse,
                                        bool with_residual) {
  const Matrix m(x);
  const T *g = data<T>(dy), *out = data<T>(y), *in = data<T>(x);
  const float* centre = data<float>(mean);
  const auto total = m.sums([&](Block b, double* sums, double* dots) {
    kernels_for<T>().gradient_moments(b, g, out, in, centre, sums, dots);
  });
  std::vector<float> a(m.columns), b(m.columns), c(m.columns);
  at::Tensor dweight, dbias;
  if (weight.defined()) {
    dweight = at::empty_like(weight);
    dbias = at::empty_like(weight);
  }
  for (int64_t k = 0; k < m.columns; k++) {
    const double inv = data<float>(inverse)[k], w = weight.defined() ? data<float>(weight)[k] : 1.0f;
    const double sum = total[k], dot = total[m.columns + k];
    a[k] = static_cast<float>(w * inv);
    b[k] = static_cast<float>(-w * inv * inv * inv * dot / m.rows);
    c[k] = static_cast<float>(-w * inv * sum / m.rows);
    if (weight.defined()) {
      data<float>(dweight)[k] = static_cast<float>(dot * inv);
      data<float>(dbias)[k] = static_cast<float>(sum);
    }
  }
  auto dx = at::empty_like(x);
  // Without a relu the residual receives dy as it is.
  auto dresidual = !with_residual ? at::Tensor() : y.defined() ? at::empty_like(x) : dy;
  T* to = data<T>(dx);
  T* to_residual = with_residual && y.defined() ? data<T>(dresidual) : nullptr;
  parallel(m.blocks, [&](int64_t i) {
    kernels_for<T>().gradient_apply(m.block(i), g, out, in, centre, a.data(), b.data(), c.data(), to, to_residual);
  });
  return {dx, dweight, dbias, dresidual};
}

// An argument of an autograd function must be a defined tensor or an empty optional.
using Maybe = std::optional<at::Tensor>;
Maybe maybe(const at::Tensor& tensor) { return tensor.defined() ? Maybe(tensor) : Maybe(); }

struct NormAct : torch::autograd::Function<NormAct> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, at::Tensor x, Maybe weight_, Maybe bias_,
                            Maybe residual_, Maybe running_mean_, Maybe running_var_, bool relu, double momentum,
                            double eps) {
    const Settings how = {true, relu, momentum, eps};
    const at::Tensor weight = weight_.value_or(at::Tensor()), bias = bias_.value_or(at::Tensor());
    const at::Tensor residual = residual_.value_or(at::Tensor());
    const at::Tensor running_mean = running_mean_.value_or(at::Tensor());
    const at::Tensor running_var = running_var_.value_or(at::Tensor());
    auto mean = at::empty({x.size(1)}, at::kFloat), inverse = at::empty({x.size(1)}, at::kFloat);
    at::Tensor y;
    if (x.scalar_type() == at::kFloat) {
      batch_statistics<float>(x, running_mean, running_var, how, data<float>(mean), data<float>(inverse));
      y = normalise<float>(x, weight, bias, residual, how, data<float>(mean), data<float>(inverse));
    } else {
      batch_statistics<uint16_t>(x, running_mean, running_var, how, data<float>(mean), data<float>(inverse));
      y = normalise<uint16_t>(x, weight, bias, residual, how, data<float>(mean), data<float>(inverse));
    }
    ctx->save_for_backward({x, relu ? y : at::Tensor(), weight, mean, inverse});
    ctx->saved_data["residual"] = residual.defined();
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &y = saved[1], &weight = saved[2], &mean = saved[3], &inverse = saved[4];
    const bool with_residual = ctx->saved_data["residual"].toBool();
    const auto dy = gradients[0].to(x.scalar_type()).contiguous(format(x));
    const auto d = x.scalar_type() == at::kFloat
                       ? differentiate<float>(dy, y, x, weight, mean, inverse, with_residual)
                       : differentiate<uint16_t>(dy, y, x, weight, mean, inverse, with_residual);
    const at::Tensor none;
    return {d[0], d[1], d[2], d[3], none, none, none, none, none};
  }
};

bool plain_floats(const at::Tensor& tensor) {
  return !tensor.defined() || (tensor.is_cpu() && tensor.layout() == at::kStrided &&
                               tensor.scalar_type() == at::kFloat && tensor.is_contiguous());
}

// Whether the kernels apply; else libtorch's operations do.
bool suits(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& residual,
           const at::Tensor& running_mean, const at::Tensor& running_var, bool training) {
  const bool kind = x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16;
  if (!x.is_cpu() || x.layout() != at::kStrided || !kind || (x.dim() != 2 && x.dim() != 4) || x.numel() == 0) return false;
  if (!x.is_contiguous(format(x)) || x.size(1) < 2 || x.numel() / x.size(1) < 2) return false;
  for (const auto* vector : {&weight, &bias, &running_mean, &running_var}) {
    if (!plain_floats(*vector) || (vector->defined() && vector->numel() != x.size(1))) return false;
  }
  if (weight.defined() != bias.defined() || running_mean.defined() != running_var.defined()) return false;
  if (residual.defined() && (!residual.is_cpu() || residual.layout() != at::kStrided ||
                             residual.scalar_type() != x.scalar_type() || residual.sizes() != x.sizes())) {
    return false;
  }
  if (training) return true;
  // With fixed statistics only the forward pass is written here.
  const bool graph = c10::GradMode::is_enabled() &&
                     (x.requires_grad() || (weight.defined() && weight.requires_grad()) ||
                      (residual.defined() && residual.requires_grad()));
  return running_mean.defined() && !graph;
}

at::Tensor with_running_statistics(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                   const at::Tensor& residual, const at::Tensor& running_mean,
                                   const at::Tensor& running_var, const Settings& how) {
  std::vector<float> inverse(x.size(1));
  for (int64_t c = 0; c < x.size(1); c++) {
    inverse[c] = static_cast<float>(1.0 / std::sqrt(data<float>(running_var)[c] + how.eps));
  }
  const float* mean = data<float>(running_mean);
  return x.scalar_type() == at::kFloat ? normalise<float>(x, weight, bias, residual, how, mean, inverse.data())
                                       : normalise<uint16_t>(x, weight, bias, residual, how, mean, inverse.data());
}

at::Tensor or_undefined(const at::Tensor* tensor) { return tensor == nullptr ? at::Tensor() : *tensor; }

}  // namespace

extern "C" {

// Null tensors are absent ones. The running statistics are updated in place when training.
char* torch_ext_norm_act(const at::Tensor* input, const at::Tensor* weight_, const at::Tensor* bias_,
                         const at::Tensor* residual_, const at::Tensor* running_mean_,
                         const at::Tensor* running_var_, int32_t training, int32_t relu, double momentum, double eps,
                         at::Tensor** out) {
  return guarded([&] {
    const at::Tensor& x = *input;
    const auto weight = or_undefined(weight_), bias = or_undefined(bias_);
    const auto running_mean = or_undefined(running_mean_), running_var = or_undefined(running_var_);
    auto residual = or_undefined(residual_);
    at::Tensor y;
    if (suits(x, weight, bias, residual, running_mean, running_var, training != 0)) {
      if (residual.defined()) residual = residual.contiguous(format(x));
      const Settings how = {training != 0, relu != 0, momentum, eps};
      y = training ? NormAct::apply(x, maybe(weight), maybe(bias), maybe(residual), maybe(running_mean),
                                    maybe(running_var), how.relu, momentum, eps)
                   : with_running_statistics(x, weight, bias, residual, running_mean, running_var, how);
    } else {
      y = at::batch_norm(x, weight, bias, running_mean, running_var, training != 0, momentum, eps, true);
      if (residual.defined()) y = residual.scalar_type() == y.scalar_type() ? y.add_(residual) : y.add(residual);
      if (relu) y = y.relu_();
    }
    *out = new at::Tensor(y);
  });
}

}  // extern "C"
