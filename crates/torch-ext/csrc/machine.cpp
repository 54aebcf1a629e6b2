// What the processor can do, and how its floating-point unit and the device allocators stand.
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
char* torch_ext_set_flush_denormal(int32_t on, int32_t* applied) {
  return guarded([&] { *applied = at::globalContext().setFlushDenormal(on != 0); });
}
char* torch_ext_set_benchmark_cudnn(int32_t on) {
  return guarded([&] { at::globalContext().setBenchmarkCuDNN(on != 0); });
}
char* torch_ext_set_allow_tf32(int32_t on) {
  return guarded([&] {
    at::globalContext().setAllowTF32CuDNN(on != 0);
    at::globalContext().setAllowTF32CuBLAS(on != 0);
  });
}
char* torch_ext_cuda_peak_bytes(int32_t device, int64_t* bytes) {
  return guarded([&] {
    const auto stats = at::getDeviceAllocator(at::kCUDA)->getDeviceStats(static_cast<c10::DeviceIndex>(device));
    *bytes = stats.allocated_bytes[0].peak;
  });
}
char* torch_ext_cuda_reset_peak(int32_t device) {
  return guarded([&] { at::getDeviceAllocator(at::kCUDA)->resetPeakStats(static_cast<c10::DeviceIndex>(device)); });
}

}  // extern "C"
