//! Models, features and tables of pictures made here.

mod feature_files;
mod layouts;
mod pictures;
mod tables;

#[allow(dead_code, reason = "other test binaries use the rest")]
#[path = "../../../twist-nn/tests/all/reference.rs"]
mod reference;
