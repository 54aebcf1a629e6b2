//! twist-eval.
