// Gradients: read, set, cleared, and backward from given output gradients.
#include "shim.h"

#include <torch/csrc/autograd/autograd.h>

using namespace torch_ext;
using Handles = at::Tensor* const*;

extern "C" {

char* torch_ext_grads(Handles a, int64_t n, at::Tensor** out) {
  return guarded([&] {
    for (int64_t i = 0; i < n; i++) {
      const auto& grad = a[i]->grad();
      out[i] = grad.defined() ? new at::Tensor(grad) : nullptr;
    }
  });
}
char* torch_ext_clear_grads(Handles a, int64_t n) {
  return guarded([&] {
    for (int64_t i = 0; i < n; i++) a[i]->mutable_grad() = at::Tensor();
  });
}
char* torch_ext_backward(Handles outputs, Handles grads, int64_t n) {
  return guarded([&] { torch::autograd::backward(list(outputs, n), list(grads, n)); });
}

}  // extern "C"
