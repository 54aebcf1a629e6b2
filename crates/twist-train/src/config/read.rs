//! From text to a configuration: overrides, and errors that say where and what instead.

use serde::de::DeserializeOwned;
use thiserror::Error;
use toml_edit::{DocumentMut, Item, Value};

/// A recipe: its name, its text after overrides, and the configuration `C` that the text says.
#[derive(Clone, Debug)]
pub struct RecipeOf<C> {
    /// The recipe's file or name, as given.
    pub name: String,
    /// The text with its overrides applied and its comments kept: a run folder's `config.toml`.
    pub text: String,
    /// What the text says.
    pub config: C,
}

/// One `--set KEY=VALUE`: a dotted key (`optim.lr`, `views.0.size`) and a TOML value; what is not TOML is a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Dotted path of the key.
    pub key: String,
    /// The value as TOML.
    pub value: String,
}

/// Why a recipe could not be read.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The text is not TOML, or not this configuration.
    #[error("{0}")]
    Text(String),
    /// What `--set` says does not fit.
    #[error("{0}")]
    Override(String),
}

impl std::str::FromStr for Override {
    type Err = ConfigError;

    fn from_str(given: &str) -> Result<Self, ConfigError> {
        let (key, value) = given.split_once('=').ok_or_else(|| {
            ConfigError::Override(format!(
                "--set {given}: expected KEY=VALUE, for example `--set optim.lr=0.1`"
            ))
        })?;
        Ok(Self { key: key.trim().into(), value: value.trim().into() })
    }
}

impl<C: DeserializeOwned> RecipeOf<C> {
    /// Reads a recipe from its text; `name` is its file or its name and stands in errors.
    ///
    /// The text itself must be valid before any override is applied, so that an error in it names its line; comments
    /// survive overrides.
    ///
    /// # Errors
    /// [`ConfigError`] for text that is not TOML, unknown keys, missing keys and values of the wrong type.
    pub fn read(name: &str, text: &str, overrides: &[Override]) -> Result<Self, ConfigError> {
        let mut recipe = Self { name: name.into(), text: text.into(), config: parse(name, text)? };
        let refuse = |change: &Override, message: String| {
            let hint = match sections_with::<C>(text, change, &message).as_slice() {
                [] => did_you_mean(&message),
                whole => format!("; did you mean {}?", whole.join(" or ")),
            };
            let Override { key, value } = change;
            ConfigError::Override(format!(
                "--set {key}={value}: {message}{hint}; `--print-config` shows every key and its value"
            ))
        };
        // All of them, and then one look at the whole: a section may need several to be complete. What is wrong with
        // the whole was first wrong after one of them, which is the one to name.
        let mut wrong: Option<(&Override, String)> = None;
        for change in overrides {
            recipe.text = apply(&recipe.text, change).map_err(|message| refuse(change, message))?;
            match toml::from_str(&recipe.text) {
                Ok(config) => (recipe.config, wrong) = (config, None),
                Err(error) => {
                    let message = error.message().trim().to_string();
                    if wrong.as_ref().is_none_or(|(_, known)| *known != message) {
                        wrong = Some((change, message));
                    }
                }
            }
        }
        match wrong {
            Some((change, message)) => Err(refuse(change, message)),
            None => Ok(recipe),
        }
    }
}

/// Parses `text`, turning the parser's byte offset into a line.
fn parse<C: DeserializeOwned>(name: &str, text: &str) -> Result<C, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = 1 + text.as_bytes()[..offset].iter().filter(|&&byte| byte == b'\n').count();
        let message = error.message().trim().to_string();
        let hint = match did_you_mean(&message) {
            hint if hint.is_empty() => "; correct this line".to_owned(),
            hint => hint,
        };
        ConfigError::Text(format!("{name}, line {line}: {message}{hint}"))
    })
}

/// Sets one dotted key in the document; the key's tables are created where they are missing.
fn apply(text: &str, change: &Override) -> Result<String, String> {
    let mut document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| error.message().to_string())?;
    let value: Value = change.value.parse().unwrap_or_else(|_| Value::from(change.value.as_str()));
    let mut item = document.as_item_mut();
    for part in change.key.split('.') {
        item = match (part.parse::<usize>(), item) {
            (Ok(index), Item::ArrayOfTables(tables)) => {
                let count = tables.len();
                let table = tables.get_mut(index);
                let table = table
                    .ok_or_else(|| format!("entry {index} does not exist, only 0 to {}", count.max(1) - 1))?;
                if let Some((_, rest)) = change.key.split_once(&format!(".{part}.")) {
                    table[rest] = Item::Value(value);
                    return Ok(document.to_string());
                }
                return Err(format!("`{}` is a whole table, name one of its keys", change.key));
            }
            (_, item) => {
                // A section that the recipe is silent about begins as `[section]`, behind those that it has.
                if item.is_none() {
                    *item = toml_edit::table();
                }
                if let Item::ArrayOfTables(tables) = item {
                    let (list, rest) = change.key.split_once(&format!(".{part}")).unwrap_or((part, ""));
                    let last = tables.len().max(1) - 1;
                    return Err(format!(
                        "`{list}` is a list: name an entry by its number, 0 to {last}, as in `{list}.0.{part}{rest}`"
                    ));
                }
                if !item.is_table_like() {
                    return Err(format!("`{part}` lies below something that is not a table"));
                }
                &mut item[part]
            }
        };
    }
    match item {
        Item::Value(old) => {
            let decor = old.decor().clone();
            *old = value;
            *old.decor_mut() = decor;
        }
        Item::None => *item = Item::Value(value),
        _ => return Err(format!("`{}` is a whole table, name one of its keys", change.key)),
    }
    Ok(document.to_string())
}

/// The warm-up for a recipe `text` whose length becomes `epochs`, when its own would take more than half of that: a
/// quarter. `None` where its own fits, or where it is silent.
pub fn warmup_that_fits(text: &str, epochs: u64) -> Option<u64> {
    let document: DocumentMut = text.parse().ok()?;
    let warmup = document.get("schedule")?.get("warmup_epochs")?.as_integer()?;
    (u64::try_from(warmup).ok()?.saturating_mul(2) > epochs).then_some(epochs / 4)
}

/// The whole names of the key of `change` when only its section is missing: `optim.lr` for `lr`. The sections are those
/// that `message` lists, serde's "unknown field `a`, expected one of `b`, `c`".
fn sections_with<C: DeserializeOwned>(text: &str, change: &Override, message: &str) -> Vec<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    if quoted.next() != Some(&change.key) || !message.starts_with("unknown field") {
        return Vec::new();
    }
    let whole = |section: &str| Override { key: format!("{section}.{}", change.key), ..change.clone() };
    let reads = |tried: &Override| apply(text, tried).is_ok_and(|text| toml::from_str::<C>(&text).is_ok());
    quoted.map(whole).filter(reads).map(|tried| format!("`{}`", tried.key)).collect()
}

/// The known name nearest to the unknown one, from serde's "unknown field `a`, expected one of `b`, `c`".
fn did_you_mean(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let (Some(unknown), true) = (quoted.next(), message.starts_with("unknown")) else {
        return String::new();
    };
    let nearest =
        quoted.map(|known| (strsim::jaro_winkler(unknown, known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((likeness, known)) if likeness > 0.7 => format!("; did you mean `{known}`?"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Recipe, TrainConfig};

    const SMALL: &str = r#"# A claim.
[model]
arch = "resnet18_cifar"  # small
[optim]
name = "sgd"
lr = 0.1
[schedule]
epochs = 4
[train]
batch_size = 64
[[views]]
name = "a"
size = 32
scale = [0.2, 1.0]
blur = 0.0
solarize = 0.0
"#;

    fn read(overrides: &[&str]) -> Result<Recipe, ConfigError> {
        let overrides: Result<Vec<Override>, _> = overrides.iter().map(|text| text.parse()).collect();
        Recipe::read("small.toml", SMALL, &overrides?)
    }

    #[test]
    fn overrides_change_values_and_keep_comments() {
        let recipe =
            read(&["optim.lr=0.25", "model.arch=resnet50", "loss.lam2=0.0", "views.0.size=24"]).unwrap();
        assert_eq!(recipe.config.optim.lr, 0.25);
        assert_eq!(recipe.config.model.arch, "resnet50");
        assert_eq!(recipe.config.loss.lam2, 0.0);
        assert_eq!(recipe.config.views[0].size, 24);
        assert!(recipe.text.starts_with("# A claim.") && recipe.text.contains("# small"));
        assert_eq!(parse::<TrainConfig>("again", &recipe.text).unwrap(), recipe.config);
    }

    #[test]
    fn a_wrong_override_names_the_key_and_the_nearest_one() {
        let message = read(&["optim.momentm=0.8"]).unwrap_err().to_string();
        assert!(message.contains("--set optim.momentm=0.8") && message.contains("`momentum`?"), "{message}");
        assert!(read(&["optim"]).unwrap_err().to_string().contains("KEY=VALUE"));
        assert!(read(&["views.3.size=8"]).unwrap_err().to_string().contains("entry 3 does not exist"));
        let message = read(&["views.size=8"]).unwrap_err().to_string();
        assert!(
            message.contains("`views` is a list") && message.contains("as in `views.0.size`"),
            "{message}"
        );
        assert!(read(&["optim=3"]).unwrap_err().to_string().contains("whole table"));
        assert!(read(&["optim.lr.x=3"]).unwrap_err().to_string().contains("not a table"));
    }

    #[test]
    fn a_key_without_its_section_is_answered_with_its_whole_name() {
        for (given, meant) in [
            ("lr=0.2", "did you mean `optim.lr`?"),
            ("epochs=3", "did you mean `schedule.epochs`?"),
            ("batch_size=3", "did you mean `train.batch_size`?"),
            ("dim=3", "did you mean `model.dim`?"),
            ("knn_k=3", "did you mean `eval.knn_k`?"),
            ("optm.lr=0.1", "did you mean `optim`?"),
        ] {
            let message = read(&[given]).unwrap_err().to_string();
            assert!(message.contains(meant), "{message}");
        }
        let message = read(&["zzz=1"]).unwrap_err().to_string();
        assert!(!message.contains("did you mean"), "{message}");
    }

    #[test]
    fn a_warmup_that_does_not_fit_becomes_a_quarter() {
        let recipe =
            |warmup: u64| SMALL.replace("epochs = 4", &format!("epochs = 800\nwarmup_epochs = {warmup}"));
        for (warmup, epochs, fits) in
            [(10, 1, Some(0)), (10, 19, Some(4)), (10, 20, None), (0, 1, None), (1, 2, None)]
        {
            assert_eq!(warmup_that_fits(&recipe(warmup), epochs), fits, "{warmup} of {epochs}");
        }
        assert_eq!(warmup_that_fits(SMALL, 1), None);
    }

    #[test]
    fn a_section_may_be_said_key_by_key() {
        let stage = ["self_label.epochs=2", "self_label.lr=0.1"];
        let recipe = read(&stage).unwrap();
        assert_eq!(recipe.config.self_label.as_ref().map(|stage| (stage.epochs, stage.lr)), Some((2, 0.1)));
        let message = read(&stage[..1]).unwrap_err().to_string();
        assert!(message.contains("--set self_label.epochs=2: missing field `lr`"), "{message}");
        let message = read(&["optim.momentm=0.8", "optim.lr=0.2"]).unwrap_err().to_string();
        assert!(message.contains("--set optim.momentm=0.8"), "the one that is wrong: {message}");
    }

    #[test]
    fn errors_in_the_text_name_file_line_and_key() {
        let cases = [
            ("lr = 0.1", "learning_rte = 0.1", "small.toml, line 6", "learning_rte"),
            ("name = \"sgd\"", "name = \"sgdd\"", "small.toml, line 5", "did you mean `sgd`?"),
            ("epochs = 4", "epochs = \"four\"", "small.toml, line 8", "invalid type"),
            ("epochs = 4", "epochs 4", "small.toml, line 8", ""),
            ("batch_size = 64", "", "small.toml, line 9", "missing field `batch_size`"),
        ];
        for (from, to, place, what) in cases {
            let message =
                parse::<TrainConfig>("small.toml", &SMALL.replace(from, to)).unwrap_err().to_string();
            assert!(message.starts_with(place) && message.contains(what), "{to}: {message}");
        }
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same_configuration() {
        let recipe = read(&[]).unwrap();
        assert_eq!(parse::<TrainConfig>("printed", &recipe.config.to_toml()).unwrap(), recipe.config);
    }
}
