//! Which files of a repository make up a network.

use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path};

use twist_run::files;

/// The weight files of the libraries that publish, the preferred one first. Before a single file comes the index of
/// several. Pickles come last; nothing in them is executed.
pub(crate) const FIRST: [&str; 8] = [
    "model.safetensors.index.json",
    // The same name as that of a run's model.
    files::MODEL,
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "pytorch_model.bin.index.json",
    "pytorch_model.bin",
    "open_clip_pytorch_model.bin",
    "model.pth",
];

/// What says how images become a network's input, and which network it is.
const DESCRIPTIONS: [&str; 3] = ["config.json", "preprocessor_config.json", "open_clip_config.json"];

/// Head and classifier of a network that Twist exported: a model of Twist on the features of the network beside it.
pub(crate) const HEADS: &str = "twist_head.safetensors";

/// Endings of weight files under names of their own.
const ENDINGS: [&str; 4] = [".safetensors", ".pth", ".pt", ".bin"];

/// The files that make up a network.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) descriptions: Vec<String>,
    pub(crate) weights: Vec<String>,
    /// The tensors that an index of several files lists.
    pub(crate) listed: Option<BTreeSet<String>>,
    /// The head and the classifier of a network that Twist exported.
    pub(crate) heads: Option<String>,
}

impl Wanted {
    pub(crate) fn all_weights(&self) -> impl Iterator<Item = &String> {
        self.weights.iter().chain(&self.heads)
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoWeights {
    pub(crate) reason: String,
    pub(crate) remedy: &'static str,
}

impl Wanted {
    /// Chooses among the names of files; `read` gives the text of an index.
    ///
    /// # Errors
    /// [`NoWeights`]: no weight file, or several under names of their own; the index is damaged. The error of `read`.
    pub(crate) fn of<E>(
        files: &[String],
        read: impl FnOnce(&str) -> Result<String, E>,
    ) -> Result<Result<Self, NoWeights>, E> {
        let has = |wanted: &&str| files.iter().any(|file| file == wanted);
        let descriptions =
            DESCRIPTIONS.iter().filter(|file| has(file)).map(|file| (*file).to_owned()).collect();
        let weights = match FIRST.into_iter().find(|file| has(file)) {
            Some(index) if index.ends_with(".index.json") => shards(index, &read(index)?),
            Some(file) => Ok((vec![file.to_owned()], None)),
            None => only(files).map(|file| (vec![file], None)),
        };
        let heads = has(&HEADS).then(|| HEADS.to_owned());
        Ok(weights.map(|(weights, listed)| Self { descriptions, weights, listed, heads }))
    }
}

/// The only weight file, under whatever name.
fn only(files: &[String]) -> Result<String, NoWeights> {
    let is_weights =
        |file: &&String| stays_below(file) && ENDINGS.iter().any(|ending| file.ends_with(ending));
    let found: Vec<&String> = files.iter().filter(is_weights).filter(|file| !file.contains('/')).collect();
    if let [file] = found.as_slice() {
        return Ok((*file).clone());
    }
    let names: Vec<_> = found.iter().take(8).map(|file| twist_io::shown(file)).collect();
    let names = if names.is_empty() { String::new() } else { format!(" (there are {})", names.join(", ")) };
    let reason = format!("it has no weights under a usual name{names}");
    Err(NoWeights { reason, remedy: "Give the path of the right file" })
}

/// The files that an index names, each once, and the tensors that it lists.
fn shards(file: &str, index: &str) -> Result<(Vec<String>, Option<BTreeSet<String>>), NoWeights> {
    let names = || {
        let index: serde_json::Value = serde_json::from_str(index).ok()?;
        let places = index.get("weight_map")?.as_object()?;
        let files: BTreeSet<&str> = places.values().map(|file| file.as_str()).collect::<Option<_>>()?;
        let plain = !files.is_empty() && files.iter().all(|file| stays_below(file));
        let tensors = places.keys().cloned().collect();
        plain.then(|| (files.into_iter().map(str::to_owned).collect(), Some(tensors)))
    };
    let remedy = "It is damaged or of another kind: give the path of a file that has all weights";
    let reason = || format!("{file} does not say in `weight_map` which files the weights are in");
    names().ok_or_else(|| NoWeights { reason: reason(), remedy })
}

/// Names of the files that lie directly in a folder.
pub(crate) fn files_in(folder: &Path) -> io::Result<Vec<String>> {
    fs_err::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// Whether a file's name, which comes from elsewhere, stays below the folder that it is joined to.
pub(crate) fn stays_below(name: &str) -> bool {
    !name.is_empty() && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[&str], index: &str) -> Result<Wanted, NoWeights> {
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        Wanted::of(&files, |_| Ok::<_, std::convert::Infallible>(index.to_owned())).unwrap()
    }

    #[test]
    fn safetensors_come_before_pickles_and_an_index_brings_its_files() {
        let wanted = of(&["README.md", "config.json", "pytorch_model.bin", files::MODEL], "").unwrap();
        assert_eq!(wanted.weights, [files::MODEL]);
        assert_eq!(wanted.descriptions, ["config.json"]);
        let index = r#"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-1.safetensors"}}"#;
        let wanted = of(&["model.safetensors.index.json"], index).unwrap();
        assert_eq!(wanted.weights, ["model-1.safetensors", "model-2.safetensors"]);
        assert_eq!(wanted.listed, Some(["a", "b", "c"].map(str::to_owned).into()));
        assert_eq!(of(&["dinov2_vits14.pth"], "").unwrap().weights, ["dinov2_vits14.pth"]);
    }

    #[test]
    fn ambiguous_and_dangerous_lists_are_refused() {
        let error = of(&["a.pth", "b.pth", "x.txt"], "").unwrap_err().reason;
        assert!(error.contains("a.pth, b.pth"), "{error}");
        assert!(of(&["README.md"], "").is_err());
        for index in [
            r#"{"weight_map": {"a": "../../x"}}"#,
            r#"{"weight_map": {"a": "/etc/x"}}"#,
            "{",
            r#"{"weight_map": {}}"#,
        ] {
            let error = of(&["model.safetensors.index.json"], index).unwrap_err().reason;
            assert!(error.contains("weight_map"), "{index}: {error}");
        }
    }
}
