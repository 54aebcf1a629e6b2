//! The binary from outside: every test runs `twist` as a user would and looks at its output, its exit code and what it
//! left on disk. `help` holds the words, `usage` wrong command lines, `damage` broken input, `run` whole runs,
//! `import` weights from elsewhere, and `interruption` kills, signals and locks.
//! `interruption` kills, signals and locks, and `transfer` the data sets of the field.
//! left on disk. `help` holds the words, `usage` wrong command lines, `damage` broken input, `run` whole runs, `using`
//! what a trained model is used for, and `interruption` kills, signals and locks.

mod damage;
mod eval_cluster;
//! `from_labels` what is trained from labels, and `interruption` kills, signals and locks.

mod damage;
mod from_labels;
mod frozen;
mod help;
mod import;
mod interruption;
mod run;
mod support;
mod transfer;
mod usage;
mod using;
