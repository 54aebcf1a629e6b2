// What the processor can do, and how the device allocators stand.
#include "shim.h"

#include <ATen/Context.h>
#include <ATen/cpu/Utils.h>
#include <c10/core/CachingDeviceAllocator.h>

using namespace torch_ext;

extern "C" {

// Whether the processor reports a capability under libtorch's name for it ("avx512_bf16", "amx_bf16", …).
char* torch_ext_cpu_has(const char* name, int32_t* out) {
  return guarded([&] {
    const auto all = at::cpu::get_cpu_capabilities();
    const auto found = all.find(name);
    *out = found != all.end() && found->second.isBool() && found->second.toBool();
  });
}
char* torch_ext_set_benchmark_cudnn(int32_t on) {
  return guarded([&] { at::globalContext().setBenchmarkCuDNN(on != 0); });
}
char* torch_ext_cuda_peak_bytes(int32_t device, int64_t* bytes) {
  return guarded([&] {
    const auto stats = at::getDeviceAllocator(at::kCUDA)->getDeviceStats(static_cast<c10::DeviceIndex>(device));
    *bytes = stats.allocated_bytes[0].peak;
  });
}

}  // extern "C"
