//! twist-train.
