// A linear map without gradients.
#include "shim.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/core/stack.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>

#include <algorithm>

using namespace torch_ext;

namespace {

// oneDNN's product, which libtorch registers for compiled networks; nothing where libtorch was built without it.
std::optional<c10::OperatorHandle> registered(const char* overload) {
  return c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", overload});
}

const std::optional<c10::OperatorHandle>& by_onednn() {
  static const auto found = registered("");
  return found;
}

const std::optional<c10::OperatorHandle>& by_onednn_onto() {
  static const auto found = registered("binary");
  return found;
}

bool plain(const at::Tensor& x) { return x.device().is_cpu() && x.scalar_type() == at::kFloat && x.layout() == at::kStrided; }

bool learns(std::initializer_list<const at::Tensor*> tensors) {
  return at::GradMode::is_enabled() &&
         std::any_of(tensors.begin(), tensors.end(), [](const at::Tensor* one) { return one != nullptr && one->requires_grad(); });
}

// Whether oneDNN takes these; what learns, and what autocast would convert, goes through libtorch.
bool fits(const at::Tensor& x, const at::Tensor& weight, const at::Tensor* bias) {
  return plain(x) && plain(weight) && weight.dim() == 2 && x.dim() >= 2 && weight.is_contiguous() && x.size(-1) == weight.size(1) &&
         x.numel() > 0 && weight.numel() > 0 &&
         (bias == nullptr || (plain(*bias) && bias->dim() == 1 && bias->size(0) == weight.size(0))) &&
         !at::autocast::is_autocast_enabled(at::kCPU);
}

std::optional<at::Tensor> given(const at::Tensor* tensor) {
  return tensor == nullptr ? std::nullopt : std::optional<at::Tensor>(*tensor);
}

// Detached: the operators have no gradient, and a leaf that could have one is refused.
c10::IValue detached(const at::Tensor* tensor) { return tensor == nullptr ? c10::IValue() : c10::IValue(tensor->detach()); }

// `gelu`: null for none, or the approximation as `at::gelu` calls it.
at::Tensor mapped(const at::Tensor& x, const at::Tensor& weight, const at::Tensor* bias, const char* gelu) {
  if (learns({&x, &weight, bias}) || !fits(x, weight, bias) || !by_onednn()) {
    const auto y = at::linear(x, weight, given(bias));
    return gelu == nullptr ? y : at::gelu(y, gelu);
  }
  torch::jit::Stack stack{x.detach(), weight.detach(), detached(bias)};
  stack.emplace_back(gelu == nullptr ? "none" : "gelu");
  stack.emplace_back(c10::List<std::optional<at::Scalar>>());
  stack.emplace_back(gelu == nullptr ? "" : gelu);
  by_onednn()->callBoxed(&stack);
  return stack.front().toTensor();
}

at::Tensor mapped_onto(const at::Tensor& to, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor* scale) {
  const bool same = plain(to) && to.dim() == x.dim() && to.size(-1) == weight.size(0) && to.sizes().slice(0, to.dim() - 1) == x.sizes().slice(0, x.dim() - 1);
  const bool scales = scale == nullptr || (plain(*scale) && scale->dim() == 1 && scale->size(0) == weight.size(0));
  if (learns({&to, &x, &weight, &bias, scale}) || !same || !scales || !fits(x, weight, &bias) || !by_onednn_onto()) {
    const auto y = at::linear(x, weight, bias);
    return to.add(scale == nullptr ? y : y.mul(*scale));
  }
  // The scale of the outputs is one of the rows of the weights, which are far fewer.
  torch::jit::Stack stack{x.detach(), to.detach()};
  stack.emplace_back(scale == nullptr ? weight.detach() : weight.detach().mul(scale->detach().unsqueeze(1)));
  stack.emplace_back(scale == nullptr ? bias.detach() : bias.detach().mul(scale->detach()));
  stack.emplace_back("add");
  by_onednn_onto()->callBoxed(&stack);
  return stack.front().toTensor();
}

}  // namespace

extern "C" {

// `bias` may be null. `gelu` is 0 for none, 1 for the exact one, 2 for that by a hyperbolic tangent.
char* torch_ext_linear(const at::Tensor* x, const at::Tensor* weight, const at::Tensor* bias, int gelu, at::Tensor** out) {
  static constexpr const char* kGelu[] = {nullptr, "none", "tanh"};
  return guarded([&] { *out = new at::Tensor(mapped(*x, *weight, bias, kGelu[gelu])); });
}

// `scale` may be null.
char* torch_ext_linear_onto(const at::Tensor* to, const at::Tensor* x, const at::Tensor* weight, const at::Tensor* bias,
                            const at::Tensor* scale, at::Tensor** out) {
  return guarded([&] { *out = new at::Tensor(mapped_onto(*to, *x, *weight, *bias, scale)); });
}

}  // extern "C"
