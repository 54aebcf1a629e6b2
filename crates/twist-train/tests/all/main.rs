//! Everything that trains, resumes or compares with reference values.

mod accumulation;
mod collapse;
mod data;
mod frozen;
mod killed;
mod optimizers;
mod order;
mod recipes;
mod reference;
mod resume;
