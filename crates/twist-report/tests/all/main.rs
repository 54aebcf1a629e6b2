//! The report as a file: what it holds, what it survives, and how it looks to a parser.
//!
//! Every page made here stays in the `tmp` folder of the target directory, so that a person can open it.

mod fixture;
mod markup;

mod compared;
mod evaluated;
mod hostile;
mod missing;
mod named;
mod served;
mod whole;
