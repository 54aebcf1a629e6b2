// Memory formats and tensors over bytes.
#include "shim.h"

#include <ATen/ops/from_blob.h>

using namespace torch_ext;

extern "C" {

char* torch_ext_channels_last(const at::Tensor* a, at::Tensor** out) {
  return guarded([&] { *out = new at::Tensor(a->contiguous(at::MemoryFormat::ChannelsLast)); });
}
char* torch_ext_is_channels_last(const at::Tensor* a, int32_t* out) {
  return guarded([&] { *out = a->dim() == 4 && a->is_contiguous(at::MemoryFormat::ChannelsLast); });
}

// A tensor over memory that Rust owns; `release(owner)` is called when the last view of it is gone.
char* torch_ext_adopt(void* data, const int64_t* shape, int64_t dims, int32_t dtype, void* owner,
                      void (*release)(void*), at::Tensor** out) {
  return guarded([&] {
    auto options = at::TensorOptions().dtype(static_cast<at::ScalarType>(dtype));
    *out = new at::Tensor(
        at::from_blob(data, at::IntArrayRef(shape, dims), [owner, release](void*) { release(owner); }, options));
  });
}

}  // extern "C"
