//! Models, features and tables of pictures made here.

mod feature_files;
mod pictures;
mod tables;
