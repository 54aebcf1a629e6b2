//! From flags to a recipe: the recipe's text, then `--set`, then the flags that have names of their own.

use std::path::Path;

use serde::de::DeserializeOwned;
use twist_run::files;
use twist_train::{ConfigError, Override, Recipe, RecipeOf, recipes, warmup_that_fits};

use crate::args::{PrecisionArg, RecipeArgs};
use crate::exit::Usage;
use crate::folder_auto;
use crate::names::usage;
use crate::talk::Talk;

const WARMUP: &str = "schedule.warmup_epochs";

/// A recipe before the command line changed it.
#[derive(Debug)]
pub(crate) struct Written {
    /// Its name or its file: what errors call it.
    name: String,
    text: String,
}

impl Written {
    /// The recipe `given` on the command line: a built-in name, or a file that ends in `.toml`.
    ///
    /// # Errors
    /// [`Usage`] for an unknown name; a file that cannot be read.
    pub(crate) fn named(given: &str) -> anyhow::Result<Self> {
        if recipes::is_file(given) {
            return Ok(Self { name: given.to_string(), text: recipes::read_file(given)? });
        }
        let recipe = usage(recipes::named(given))?;
        Ok(Self { name: recipe.name.to_string(), text: recipe.text.to_string() })
    }

    /// Whether it is a recipe for training on images, and not one for a head.
    pub(crate) fn is_of_images(&self) -> bool {
        Recipe::read(&self.name, &self.text, &[]).is_ok()
    }

    /// A recipe that was made for the data at hand.
    pub(crate) fn made(name: &str, text: String) -> Self {
        Self { name: name.to_string(), text }
    }

    /// The recipe of the run in `folder`, named after its file. `None` if the folder has no run.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn of_run(folder: &Path) -> anyhow::Result<Option<Self>> {
        let path = folder.join(files::CONFIG);
        if !path.is_file() {
            return Ok(None);
        }
        Ok(Some(Self { name: path.display().to_string(), text: twist_io::read_small_text(path)? }))
    }

    /// Applies the changes of the command line: `--set` in order, then the named flags. A warm-up that does not fit into
    /// `--epochs` follows, and that is said.
    ///
    /// # Errors
    /// [`Usage`] for keys and values that the command line got wrong; [`ConfigError`] for a text that is wrong.
    pub(crate) fn with<C: DeserializeOwned>(
        &self,
        args: &RecipeArgs,
        precision: Option<PrecisionArg>,
        clusters: Option<i64>,
        talk: &Talk,
    ) -> anyhow::Result<RecipeOf<C>> {
        let usage = |error: ConfigError| match error {
            ConfigError::Text(_) => anyhow::Error::new(error),
            ConfigError::Override(text) => anyhow::Error::new(Usage(text)),
        };
        let given: Result<Vec<Override>, _> = args.set.iter().map(|given| given.parse()).collect();
        let mut changes = given.map_err(usage)?;
        let says_warmup = changes.iter().any(|change| change.key == WARMUP);
        let warmup =
            args.epochs.filter(|_| !says_warmup).and_then(|n| Some((n, warmup_that_fits(&self.text, n)?)));
        if let Some((epochs, warmup)) = warmup {
            talk.say(format!(
                "warm-up: {warmup} of {epochs} epochs, since that of the recipe is too long for them"
            ));
        }
        let mut set = |key: &str, value: Option<String>| {
            changes.extend(value.map(|value| Override { key: key.into(), value }));
        };
        set(WARMUP, warmup.map(|(_, warmup)| warmup.to_string()));
        set("model.dim", clusters.map(|k| k.to_string()));
        set("schedule.epochs", args.epochs.map(|n| n.to_string()));
        set("train.batch_size", args.batch_size.map(|n| n.to_string()));
        set("train.seed", args.seed.map(|n| n.to_string()));
        set("train.precision", precision.map(|p| format!("\"{p}\"")));
        RecipeOf::read(&self.name, &self.text, &changes).map_err(usage)
    }
}

/// Where the recipe of a run comes from.
#[derive(Debug)]
pub(crate) enum Base {
    /// A text: a built-in recipe, a file, or that of the run which goes on.
    Written(Written),
    /// The rules for a folder of images.
    Rules(folder_auto::Facts),
}

impl Base {
    /// The recipe with the changes of the command line; for `fitted` epochs where `--max-time` says how many there are.
    ///
    /// # Errors
    /// As [`Written::with`].
    pub(crate) fn recipe(
        &self,
        args: &RecipeArgs,
        precision: Option<PrecisionArg>,
        clusters: Option<i64>,
        fitted: Option<u64>,
        talk: &Talk,
    ) -> anyhow::Result<Recipe> {
        let args = RecipeArgs { epochs: fitted.or(args.epochs), ..args.clone() };
        match self {
            Self::Written(written) => written.with(&args, precision, clusters, talk),
            Self::Rules(facts) => {
                let facts = fitted.map_or(*facts, |epochs| facts.timed(epochs));
                let made = Written::made(folder_auto::NAME, folder_auto::make(facts).text);
                made.with(&args, precision, clusters, talk)
            }
        }
    }
}
