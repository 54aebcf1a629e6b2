//! The binary from outside: every test runs `twist` as a user would and looks at its output, its exit code and what it
//! left on disk. `help` holds the words, `usage` wrong command lines, `damage` broken input, `run` whole runs, and
//! `interruption` kills, signals and locks.

mod damage;
mod frozen;
mod help;
mod interruption;
mod run;
mod support;
mod usage;
