//! How long a thread that waits for others keeps its core.
//!
//! Threads of GNU's OpenMP, which libtorch computes with, spin for about a millisecond before they sleep. If another program
//! wants the cores, a spinning thread keeps one from the thread that it waits for, and small operations take twenty times as long
//! (heads on features beside one busy program: 34 to 55 seconds instead of 1.4). Spins of a few microseconds cost nothing where all
//! cores are free. OpenMP reads the number when it is loaded, before `main`, so the program starts itself again with it.

use std::os::unix::process::CommandExt;
use std::process::Command as Process;

use crate::args::Command;

/// What OpenMP reads: how often a waiting thread looks.
const SPINS: &str = "GOMP_SPINCOUNT";
const SHORT: &str = "6000";

/// A choice of the user's, which stays.
const POLICY: &str = "OMP_WAIT_POLICY";

/// Starts the program again with short waits, unless the command hardly computes or somebody chose how to wait.
pub(crate) fn begin(command: &Command) {
    let computes = matches!(
        command,
        Command::Demo(_)
            | Command::Train(_)
            | Command::Finetune(_)
            | Command::Eval(_)
            | Command::Predict(_)
            | Command::Embed(_)
            | Command::Neighbors(_)
            | Command::Audit(_)
            | Command::Bench(_)
    );
    if !computes || [SPINS, POLICY].iter().any(|name| std::env::var_os(name).is_some()) {
        return;
    }
    let mut args = std::env::args_os();
    let name = args.next().unwrap_or_else(|| "twist".into());
    if let Ok(program) = std::env::current_exe() {
        // Returns only where this process cannot be replaced; it then goes on as it is, more slowly beside others.
        let _ = Process::new(program).arg0(name).args(args).env(SPINS, SHORT).exec();
    }
}
