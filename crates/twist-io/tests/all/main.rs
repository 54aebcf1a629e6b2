//! Files that are written, read back, damaged, and refused by a full disk.

mod atomic;
mod hostile;
mod lines;
mod mat;
mod names;
mod pickle;
mod pickle_bombs;
mod pickles;
mod round_trip;
mod update;
