//! twist-report.
