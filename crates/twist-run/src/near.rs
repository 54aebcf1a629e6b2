//! What the name of a run that does not exist may have meant.

use std::path::Path;

use twist_io::near_paths;

/// Where runs go that are not told where to go.
pub const RUNS: &str = "runs";

/// Existing paths that `missing` may have meant, best first: those that look like it, and where it is a name alone, runs
/// of that name in the folder [`RUNS`].
pub fn near_runs(missing: &Path) -> Vec<String> {
    near_runs_in(Path::new(""), missing)
}

/// As [`near_runs`], seen from the folder `here`.
fn near_runs_in(here: &Path, missing: &Path) -> Vec<String> {
    let named = here.join(missing);
    if missing.is_absolute() || missing.components().count() != 1 {
        return near_paths(&named);
    }
    let run = here.join(RUNS).join(missing);
    if run.exists() {
        return vec![run.display().to_string()];
    }
    let mut near = near_paths(&run);
    near.extend(near_paths(&named));
    near
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_alone_is_sought_among_the_runs() {
        let here = tempfile::tempdir().unwrap();
        let run = here.path().join("runs/mine-1");
        fs_err::create_dir_all(&run).unwrap();
        let run = run.display().to_string();
        for missing in ["mine-1", "mine-2", "mein-1", "runs/mine-2", "run/mine-1"] {
            assert_eq!(
                near_runs_in(here.path(), Path::new(missing)),
                std::slice::from_ref(&run),
                "{missing}"
            );
        }
        assert!(near_runs_in(here.path(), Path::new("something else")).is_empty());
    }
}
