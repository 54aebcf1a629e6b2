//! twist-metrics.
