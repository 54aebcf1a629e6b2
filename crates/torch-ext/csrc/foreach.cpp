// Multi-tensor arithmetic: one call for all parameters of a network.
#include "shim.h"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_addcmul.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_foreach_sub.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>

#include <c10/core/GradMode.h>

using namespace torch_ext;
using Handles = at::Tensor* const*;

// Optimizers change parameters: nothing here is recorded for backward.
template <typename F>
static char* quiet(F&& body) {
  return guarded([&] {
    c10::AutoGradMode off(false);
    body();
  });
}

extern "C" {

char* torch_ext_foreach_norm(Handles a, int64_t n, at::Tensor** out) {
  return quiet([&] { give(at::_foreach_norm(list(a, n), 2), out); });
}

char* torch_ext_foreach_add_(Handles a, Handles b, int64_t n, double alpha) {
  return quiet([&] { at::_foreach_add_(list(a, n), list(b, n), alpha); });
}
char* torch_ext_foreach_sub_(Handles a, Handles b, int64_t n, double alpha) {
  return quiet([&] { at::_foreach_sub_(list(a, n), list(b, n), alpha); });
}
char* torch_ext_foreach_add_scalar_(Handles a, int64_t n, double value) {
  return quiet([&] { at::_foreach_add_(list(a, n), value); });
}
char* torch_ext_foreach_mul_scalar_(Handles a, int64_t n, double value) {
  return quiet([&] { at::_foreach_mul_(list(a, n), value); });
}
char* torch_ext_foreach_mul_tensor_(Handles a, int64_t n, const at::Tensor* value) {
  return quiet([&] { at::_foreach_mul_(list(a, n), *value); });
}
char* torch_ext_foreach_lerp_(Handles a, Handles b, int64_t n, double weight) {
  return quiet([&] { at::_foreach_lerp_(list(a, n), list(b, n), weight); });
}
char* torch_ext_foreach_addcmul_(Handles a, Handles b, Handles c, int64_t n, double value) {
  return quiet([&] { at::_foreach_addcmul_(list(a, n), list(b, n), list(c, n), value); });
}

char* torch_ext_fused_sgd_(Handles params, Handles grads, Handles momenta, int64_t n, double weight_decay,
                           double momentum, double lr, int32_t nesterov, int32_t first) {
  return quiet([&] {
    // Without momentum libtorch wants no buffers.
    int64_t buffers = momentum == 0.0 ? 0 : n;
    at::_fused_sgd_(list(params, n), list(grads, n), list(momenta, buffers), weight_decay, momentum, lr, 0.0,
                    nesterov != 0, false, first != 0);
  });
}
char* torch_ext_fused_adamw_(Handles params, Handles grads, Handles means, Handles squares, Handles steps,
                             int64_t n, double lr, double beta1, double beta2, double weight_decay, double eps) {
  return quiet([&] {
    at::_fused_adamw_(list(params, n), list(grads, n), list(means, n), list(squares, n), {}, list(steps, n), lr,
                      beta1, beta2, weight_decay, eps, false, false);
  });
}

}  // extern "C"
