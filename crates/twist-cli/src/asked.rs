//! What the command line says of values that the rules of a made recipe follow.

use crate::args::RecipeArgs;

/// What the user has said: the rules follow it, and what depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct UserChoices {
    pub(crate) clusters: Option<i64>,
    /// Passes over the data.
    pub(crate) epochs: Option<u64>,
    /// Images, or rows, of an update.
    pub(crate) batch_size: Option<usize>,
    /// Heads side by side, where features are trained on.
    pub(crate) heads: Option<usize>,
}

impl UserChoices {
    /// The flags, and `--set` of keys without a flag. The recipe refuses a value that is not a number.
    pub(crate) fn of(args: &RecipeArgs, clusters: Option<i64>) -> Self {
        Self {
            clusters: clusters.or(set(&args.set, "model.dim")),
            epochs: args.epochs.or(set(&args.set, "schedule.epochs")),
            batch_size: args.batch_size.or(set(&args.set, "train.batch_size")),
            heads: set(&args.set, "model.heads"),
        }
    }
}

/// The last value that `--set` gives a key.
fn set<T: std::str::FromStr>(all: &[String], wanted: &str) -> Option<T> {
    let mut values = all.iter().rev().filter_map(|given| given.split_once('='));
    let (_, value) = values.find(|(key, _)| key.trim() == wanted)?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::set;

    #[test]
    fn the_last_value_of_a_key_counts() {
        let all = ["schedule.epochs=3", "optim.lr=1", "schedule.epochs = 7", "model.dim=x"].map(String::from);
        assert_eq!(set::<u64>(&all, "schedule.epochs"), Some(7));
        assert_eq!(set::<i64>(&all, "model.dim"), None);
        assert_eq!(set::<i64>(&all, "model.heads"), None);
    }
}
