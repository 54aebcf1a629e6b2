//! Where a run goes: `runs/NAME-N`.

use std::path::{Path, PathBuf};

use twist_run::{RUNS, Sources};

use crate::args::RunFolderArgs;
use crate::sources::absolute;

/// The run's folder: `--out`; else, when one is to be resumed, the latest `runs/NAME-N` (on `data`, where that is said);
/// else the first that is free.
pub(crate) fn of_run(args: &RunFolderArgs, recipe: &str, data: Option<&str>) -> PathBuf {
    if let Some(out) = &args.out {
        return out.clone();
    }
    let data = data.map(absolute);
    let meant = |run: &Path| match &data {
        None => true,
        Some(data) => match Sources::read(run) {
            Ok(sources) => sources.is_some_and(|sources| absolute(&sources.train) == *data),
            // Whoever opens it says what is wrong.
            Err(_) => true,
        },
    };
    let (runs, name) = (Path::new(RUNS), stem(recipe));
    let known = if args.resume { latest(runs, &name, meant) } else { None };
    known.unwrap_or_else(|| free(runs, &name))
}

/// `NAME` of a recipe's name or file.
fn stem(recipe: &str) -> String {
    Path::new(recipe).file_stem().map_or_else(|| "run".into(), |stem| stem.to_string_lossy().into_owned())
}

/// `NAME-N` with the first N that is free.
fn free(runs: &Path, name: &str) -> PathBuf {
    let place = |number: u32| runs.join(format!("{name}-{number}"));
    (1..).map(place).find(|place| !place.exists()).unwrap_or_else(|| place(1))
}

/// Of the folders `NAME-N` that are meant the one with the highest N.
fn latest(runs: &Path, name: &str, meant: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let entries = fs_err::read_dir(runs).ok()?;
    let number = |file: String| file.strip_prefix(name)?.strip_prefix('-')?.parse().ok();
    let numbers = entries.filter_map(|entry| number(entry.ok()?.file_name().into_string().ok()?));
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable();
    let places = numbers.into_iter().rev().map(|number| runs.join(format!("{name}-{number}")));
    places.into_iter().find(|place| meant(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_runs_take_the_first_free_number_and_resumed_ones_the_latest() {
        let runs = tempfile::tempdir().unwrap();
        let runs = runs.path();
        assert_eq!(free(runs, "demo"), runs.join("demo-1"));
        assert_eq!(latest(runs, "demo", |_| true), None);
        for name in ["demo-1", "demo-2", "demo-10", "demo-x", "other-30"] {
            fs_err::create_dir(runs.join(name)).unwrap();
        }
        assert_eq!(free(runs, "demo"), runs.join("demo-3"));
        assert_eq!(latest(runs, "demo", |_| true), Some(runs.join("demo-10")));
        assert_eq!(latest(runs, "demo", |run| !run.ends_with("demo-10")), Some(runs.join("demo-2")));
    }

    #[test]
    fn a_file_gives_its_stem() {
        assert_eq!(stem("my/recipes/small.toml"), "small");
        assert_eq!(stem("cifar10_cpu"), "cifar10_cpu");
    }
}
