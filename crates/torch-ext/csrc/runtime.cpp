// Autocast state, versions and the late opening of the CUDA part.
#include "shim.h"

#include <ATen/autocast_mode.h>
#include <ATen/Context.h>
#include <ATen/Version.h>
#include <torch/version.h>

#include <dlfcn.h>
#include <link.h>

using namespace torch_ext;

static int find_torch_cpu(dl_phdr_info* info, size_t, void* out) {
  if (info->dlpi_name == nullptr || strstr(info->dlpi_name, "libtorch_cpu.so") == nullptr) return 0;
  *static_cast<std::string*>(out) = info->dlpi_name;
  return 1;
}

extern "C" {

// The path of the libtorch_cpu.so in use, or null when libtorch is linked some other way.
char* torch_ext_torch_cpu_path(char** path) {
  return guarded([&] {
    std::string found;
    dl_iterate_phdr(find_torch_cpu, &found);
    *path = found.empty() ? nullptr : strdup(found.c_str());
  });
}

// Opens a library for good, its symbols visible to those opened later.
char* torch_ext_open_library(const char* path) {
  return guarded([&] {
    if (dlopen(path, RTLD_NOW | RTLD_GLOBAL) == nullptr) {
      const char* reason = dlerror();
      throw std::runtime_error(reason == nullptr ? "dlopen failed" : reason);
    }
  });
}

const char* torch_ext_version() { return TORCH_VERSION; }

struct AutocastState {
  int32_t enabled;
  int32_t dtype;
};

char* torch_ext_autocast_enter(int32_t cuda, int32_t enabled, int32_t dtype, AutocastState* before) {
  return guarded([&] {
    auto device = cuda ? at::kCUDA : at::kCPU;
    before->enabled = at::autocast::is_autocast_enabled(device);
    before->dtype = static_cast<int32_t>(at::autocast::get_autocast_dtype(device));
    at::autocast::set_autocast_enabled(device, enabled != 0);
    if (enabled) at::autocast::set_autocast_dtype(device, static_cast<at::ScalarType>(dtype));
    at::autocast::increment_nesting();
  });
}

char* torch_ext_autocast_leave(int32_t cuda, const AutocastState* before) {
  return guarded([&] {
    auto device = cuda ? at::kCUDA : at::kCPU;
    // What decides results comes first; the cache is memory.
    at::autocast::set_autocast_enabled(device, before->enabled != 0);
    at::autocast::set_autocast_dtype(device, static_cast<at::ScalarType>(before->dtype));
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  });
}

}  // extern "C"
