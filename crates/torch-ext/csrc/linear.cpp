// A linear map without gradients.
#include "shim.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/core/stack.h>
#include <ATen/ops/linear.h>

using namespace torch_ext;

namespace {

// oneDNN's product, which libtorch registers for compiled networks; nothing where libtorch was built without it.
const std::optional<c10::OperatorHandle>& by_onednn() {
  static const auto found = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
  return found;
}

bool plain(const at::Tensor& x) { return x.device().is_cpu() && x.scalar_type() == at::kFloat && x.layout() == at::kStrided; }

at::Tensor mapped(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias) {
  const bool learns = at::GradMode::is_enabled() &&
                      (x.requires_grad() || weight.requires_grad() || (bias && bias->requires_grad()));
  const bool fits = weight.dim() == 2 && x.dim() >= 2 && weight.is_contiguous() && x.size(-1) == weight.size(1) && x.numel() > 0 && weight.numel() > 0 &&
                    (!bias || (plain(*bias) && bias->dim() == 1 && bias->size(0) == weight.size(0)));
  if (learns || !fits || !plain(x) || !plain(weight) || !by_onednn() || at::autocast::is_autocast_enabled(at::kCPU)) {
    return at::linear(x, weight, bias);
  }
  // Detached: the operator has no gradient, and a leaf that could have one is refused.
  torch::jit::Stack stack;
  stack.emplace_back(x.detach());
  stack.emplace_back(weight.detach());
  stack.emplace_back(bias ? c10::IValue(bias->detach()) : c10::IValue());
  stack.emplace_back("none");
  stack.emplace_back(c10::List<std::optional<at::Scalar>>());
  stack.emplace_back("");
  by_onednn()->callBoxed(&stack);
  return stack.front().toTensor();
}

}  // namespace

extern "C" {

// `bias` may be null.
char* torch_ext_linear(const at::Tensor* x, const at::Tensor* weight, const at::Tensor* bias, at::Tensor** out) {
  return guarded([&] {
    *out = new at::Tensor(mapped(*x, *weight, bias == nullptr ? std::nullopt : std::optional<at::Tensor>(*bias)));
  });
}

}  // extern "C"
