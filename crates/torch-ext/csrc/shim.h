// What every file of the shim shares: the calling convention across the language border.
//
// Each function returns null when all went well, else a malloc'ed message that the caller frees. Results leave
// through out-pointers. No C++ exception ever crosses into Rust.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

namespace torch_ext {

inline char* message(const char* text) { return strdup(text); }

template <typename F>
char* guarded(F&& body) {
  try {
    body();
    return nullptr;
  } catch (const c10::Error& error) {
    return message(error.what_without_backtrace());
  } catch (const std::exception& error) {
    return message(error.what());
  } catch (...) {
    return message("an exception that is not a std::exception");
  }
}

// The tensors behind an array of tch handles (each one an at::Tensor*).
inline std::vector<at::Tensor> list(at::Tensor* const* handles, int64_t count) {
  std::vector<at::Tensor> tensors;
  tensors.reserve(count);
  for (int64_t i = 0; i < count; i++) tensors.push_back(*handles[i]);
  return tensors;
}

// Hands tensors over to Rust, which owns them from here on; undefined tensors become null.
inline void give(const std::vector<at::Tensor>& tensors, at::Tensor** out) {
  for (size_t i = 0; i < tensors.size(); i++) out[i] = tensors[i].defined() ? new at::Tensor(tensors[i]) : nullptr;
}

}  // namespace torch_ext
