//! One binary for the tests that link libtorch.
