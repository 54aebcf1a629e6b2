// The whole shim as one translation unit: most of its compile time is libtorch's headers, which are read once here.
#include "allocator.cpp"
#include "autograd.cpp"
#include "foreach.cpp"
#include "layout.cpp"
#include "linear.cpp"
#include "machine.cpp"
#include "norm_act.cpp"
#include "runtime.cpp"
