//! The `twist` binary.
fn main() {}
