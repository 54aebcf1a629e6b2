//! Files that are written, read back, damaged, and refused by a full disk.

mod atomic;
mod clusters;
mod hostile;
mod names;
mod round_trip;
