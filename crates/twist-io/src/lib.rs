//! twist-io.
