//! Where a run goes: `runs/NAME-N`.

use std::path::{Path, PathBuf};

use crate::args::RunFolderArgs;

/// Folder of the runs that were given no `--out`.
const RUNS: &str = "runs";

/// The run's folder: `--out`; else the latest `runs/NAME-N` when it is to be resumed; else the first that is free.
pub(crate) fn of_run(args: &RunFolderArgs, recipe: &str) -> PathBuf {
    match &args.out {
        Some(out) => out.clone(),
        None => numbered(Path::new(RUNS), &stem(recipe), args.resume),
    }
}

/// `NAME` of a recipe's name or file.
fn stem(recipe: &str) -> String {
    Path::new(recipe).file_stem().map_or_else(|| "run".into(), |stem| stem.to_string_lossy().into_owned())
}

fn numbered(runs: &Path, name: &str, latest: bool) -> PathBuf {
    let taken = |number: &u32| runs.join(format!("{name}-{number}")).exists();
    let free = (1..).find(|number| !taken(number)).unwrap_or(1);
    let number = if latest { highest(runs, name).unwrap_or(free) } else { free };
    runs.join(format!("{name}-{number}"))
}

/// The highest N of the folders `NAME-N`.
fn highest(runs: &Path, name: &str) -> Option<u32> {
    let entries = fs_err::read_dir(runs).ok()?;
    let number = |file: String| file.strip_prefix(name)?.strip_prefix('-')?.parse().ok();
    entries.filter_map(|entry| number(entry.ok()?.file_name().into_string().ok()?)).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_runs_take_the_first_free_number_and_resumed_ones_the_latest() {
        let runs = tempfile::tempdir().unwrap();
        let place = |latest| numbered(runs.path(), "demo", latest).file_name().unwrap().to_owned();
        assert_eq!(place(false), "demo-1");
        assert_eq!(place(true), "demo-1");
        for name in ["demo-1", "demo-2", "demo-10", "demo-x", "other-30"] {
            fs_err::create_dir(runs.path().join(name)).unwrap();
        }
        assert_eq!(place(false), "demo-3");
        assert_eq!(place(true), "demo-10");
    }

    #[test]
    fn a_file_gives_its_stem() {
        assert_eq!(stem("my/recipes/small.toml"), "small");
        assert_eq!(stem("cifar10_cpu"), "cifar10_cpu");
    }
}
