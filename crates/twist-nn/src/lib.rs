//! twist-nn.
