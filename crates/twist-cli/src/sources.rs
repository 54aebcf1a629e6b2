//! Where a run's images come from, kept beside the run so that `--resume` needs no DATA.

use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use twist_data::{Dataset, LabelSource, OpenOptions, Splits};
use twist_eval::EvalData;
use twist_model::{FeatureFile, STARTER};
use twist_run::{Sources, files};

use crate::bar::Busy;
use crate::exit::Usage;
use crate::talk::Talk;

/// `--labels` when it is not given: sub-folders that are classes by their names, or what the files say.
pub(crate) const DEFAULT_LABELS: &str = "auto";

/// Writes `data.json` of the run in `folder`, with paths that hold from any working directory.
///
/// # Errors
/// The disk is full or read-only.
pub(crate) fn write(sources: &Sources, folder: &Path) -> anyhow::Result<()> {
    let listed = folder.join(files::PATHS);
    let train = if sources.train == STDIN {
        twist_io::write_atomic(&listed, |file| file.write_all(&from_the_root(stdin().unwrap_or_default())))?;
        absolute(&listed.to_string_lossy())
    } else {
        absolute(&sources.train)
    };
    let labels = label_place(&sources.labels);
    let held_out = sources.held_out.as_deref().map(absolute);
    let frozen = sources.frozen.as_deref().map(model_to_keep);
    let init = sources.init.as_deref().map(model_to_keep);
    let continued = sources.continued.as_deref().map(model_to_keep);
    let kept = Sources { recipe: sources.recipe.clone(), train, held_out, labels, frozen, init, continued };
    Ok(kept.write(folder)?)
}

/// Opens both data sets. What a walk left out is told.
///
/// # Errors
/// The data are missing, or the labels of the two sets do not match.
pub(crate) fn open_both(sources: &Sources, talk: &Talk) -> anyhow::Result<EvalData> {
    if let Some(held_out) = &sources.held_out {
        lasting(held_out, "--eval-data")?;
    }
    let train = match sources.train.as_str() {
        // Called as they will be when the run goes on from the list that it keeps.
        STDIN => {
            let text = from_the_root(stdin()?);
            let options = OpenOptions { labels: label_source(&sources.labels), splits: Splits::Refuse };
            let train = twist_data::open_lines(&text, Path::new("standard input"), &options)?;
            tell_left_out(STDIN, &*train, talk);
            train
        }
        train => open(&as_kept(train), &sources.labels, talk)?,
    };
    // A label file belongs to the training images; held-out images bring their own labels.
    let own = match label_source(&sources.labels) {
        LabelSource::File(_) => DEFAULT_LABELS,
        _ => &sources.labels,
    };
    let held_out = sources.held_out.as_deref().map(as_kept);
    let held_out = held_out.map(|data| open(&data, own, talk).context("--eval-data")).transpose()?;
    if let Some(held_out) = &held_out {
        warn_of_same(&*train, &**held_out, talk);
    }
    Ok(EvalData::new(train, held_out)?)
}

/// Opens DATA, to learn from it or to measure on it, with its labels. What is left out is told.
///
/// # Errors
/// The data are missing, of an unknown kind, or in several splits.
pub(crate) fn open(data: &str, labels: &str, talk: &Talk) -> anyhow::Result<Arc<dyn Dataset>> {
    let dataset = shown(data, labels, Splits::Refuse, talk)?;
    tell_left_out(data, &*dataset, talk);
    Ok(dataset)
}

/// Opens DATA, to look at it whole, with its labels. What is left out is told.
///
/// # Errors
/// The data are missing or of an unknown kind.
pub(crate) fn open_all(data: &str, labels: &str, talk: &Talk) -> anyhow::Result<Arc<dyn Dataset>> {
    let dataset = shown(data, labels, Splits::Together, talk)?;
    tell_left_out(data, &*dataset, talk);
    Ok(dataset)
}

/// As [`opened`], where a terminal shows that it is done: a folder may hold millions of files.
fn shown(data: &str, labels: &str, splits: Splits, talk: &Talk) -> anyhow::Result<Arc<dyn Dataset>> {
    let _busy = Busy::new(&format!("opening {data}"), talk);
    opened(data, labels, splits)
}

/// Opens DATA with its labels and says nothing.
///
/// # Errors
/// The data are missing, of an unknown kind, or in splits that are refused.
pub(crate) fn opened(data: &str, labels: &str, splits: Splits) -> anyhow::Result<Arc<dyn Dataset>> {
    let options = OpenOptions { labels: label_source(labels), splits };
    match data {
        STDIN => Ok(twist_data::open_lines(stdin()?, Path::new("standard input"), &options)?),
        _ => twist_data::open(data, &options).map_err(|error| match FeatureFile::recognise(data) {
            Some(file) if file.path().is_file() => Usage(format!(
                "{data} holds features, and this command looks at images; features are for `twist train`, `twist predict` and \
                 `twist eval cluster`"
            ))
            .into(),
            _ => error.into(),
        }),
    }
}

/// What DATA is when paths come on standard input, one a line.
const STDIN: &str = "-";

/// All of standard input, which can be read once.
fn stdin() -> anyhow::Result<&'static [u8]> {
    static TEXT: OnceLock<Vec<u8>> = OnceLock::new();
    if let Some(text) = TEXT.get() {
        return Ok(text);
    }
    let mut text = Vec::new();
    std::io::stdin().lock().read_to_end(&mut text).context("standard input cannot be read")?;
    Ok(TEXT.get_or_init(|| text))
}

/// The lines of a list with paths from the root on.
fn from_the_root(text: &[u8]) -> Vec<u8> {
    let here = std::env::current_dir().unwrap_or_default();
    let mut lines = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let line = line.trim_ascii_start();
        if !line.is_empty() && !line.starts_with(b"/") {
            lines.extend_from_slice(here.as_os_str().as_bytes());
            lines.push(b'/');
        }
        lines.extend_from_slice(line.strip_prefix(b"./").unwrap_or(line));
    }
    lines
}

/// DATA that a run reads again when it goes on.
///
/// # Errors
/// It is standard input, which is gone by then.
pub(crate) fn lasting(data: &str, flag: &str) -> anyhow::Result<()> {
    if data == STDIN {
        return Err(Usage(format!(
            "{flag} -: a run that goes on later reads its images again, and standard input is gone by then; write the \
             paths into a list, one a line (paths.txt), and give that"
        ))
        .into());
    }
    Ok(())
}

fn tell_left_out(data: &str, dataset: &dyn Dataset, talk: &Talk) {
    for left_out in dataset.left_out() {
        talk.say(format!("{data}: left out {left_out}"));
    }
}

/// What `--labels` says, a file from the root on.
pub(crate) fn label_place(labels: &str) -> String {
    match label_source(labels) {
        LabelSource::File(_) => absolute(labels),
        _ => labels.to_owned(),
    }
}

/// What `--labels` says; every text means something.
fn label_source(text: &str) -> LabelSource {
    match text.parse() {
        Ok(source) => source,
        Err(never) => match never {},
    }
}

/// A MODEL as it is kept: a path that begins at the root; the starter and models of the hub by their names.
pub(crate) fn model_to_keep(model: &str) -> String {
    if STARTER.is_meant(Path::new(model)) { model.to_owned() } else { absolute(model) }
}

/// A path or pattern from the root on; names such as `shapes:train` and `hf:ORG/NAME` stay.
pub(crate) fn absolute(data: &str) -> String {
    // An address of something on a server is refused as it was written.
    let is_address = data.contains("://") && !Path::new(data).exists();
    if data.starts_with("shapes:") || data.starts_with("hf:") || data == STDIN || is_address {
        return data.to_string();
    }
    let path = std::path::absolute(data).map(|path| path.to_string_lossy().into_owned());
    let path = path.unwrap_or_else(|_| data.to_string());
    // `photos/` and `photos` are one folder.
    match path.trim_end_matches('/') {
        "" => path,
        trimmed => trimmed.to_string(),
    }
}

/// DATA as the run will open it when it goes on: images that are named one by one or by a pattern are called as they are
/// written, and that must not depend on the working directory.
pub(crate) fn as_kept(data: &str) -> String {
    if Path::new(data).is_dir() { data.to_owned() } else { absolute(data) }
}

/// Says so when images to measure on are among those that are learned from: the figures are then those of a memory.
pub(crate) fn warn_of_same(train: &dyn Dataset, test: &dyn Dataset, talk: &Talk) {
    if train.len() == test.len() && train.fingerprint() == test.fingerprint() {
        talk.warn("the images to measure on are the training images themselves: the figures say how well those are remembered");
        return;
    }
    match twist_data::shared(train, test) {
        0 => {}
        same => talk.warn(format!(
            "{same} of the {} images to measure on are also training images: the figures also say how well those are remembered; \
             remove them from the images to measure on",
            test.len()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_standard_input_are_kept_from_the_root_on() {
        let here = std::env::current_dir().unwrap();
        let text = from_the_root(b"a b.png\t3\n./c.png\n\n/d.png");
        let expected = format!("{0}/a b.png\t3\n{0}/c.png\n/d.png", here.display());
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn paths_are_kept_from_the_root_on() {
        let folder = tempfile::tempdir().unwrap();
        let sources = Sources {
            recipe: "demo".into(),
            train: "shards/a-{000..004}.tar".into(),
            held_out: Some("shapes:test".into()),
            labels: "none".into(),
            frozen: Some("backbone.safetensors".into()),
            ..Sources::default()
        };
        write(&sources, folder.path()).unwrap();
        let kept = Sources::read(folder.path()).unwrap().unwrap();
        assert!(
            kept.train.starts_with('/') && kept.train.ends_with("shards/a-{000..004}.tar"),
            "{}",
            kept.train
        );
        assert_eq!((kept.held_out.as_deref(), kept.labels.as_str()), (Some("shapes:test"), "none"));
        assert!(kept.frozen.unwrap().starts_with('/'));
        assert_eq!((absolute("photos/"), absolute("/").as_str()), (absolute("photos"), "/"));
        assert_eq!(Sources::read(&folder.path().join("none")).unwrap(), None);
    }
}
