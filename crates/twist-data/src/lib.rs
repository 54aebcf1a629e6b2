//! twist-data.
