//! Names go on to the classes of later weights, where these hold the same images.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use twist_io::UpdateLock;

use super::file::clusters_file;
use super::names::ClusterNames;
use super::weights::NamedWeights;
use crate::{RunError, Samples, files, folder};

/// What became of the names of a run's classes when other weights were evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The step whose classes were named.
    pub from: u64,
    /// The step whose classes are called so now.
    pub to: u64,
    /// Names and merges that went on.
    pub kept: Vec<String>,
    /// Those that did not, because no class holds most of the same images.
    pub lost: Vec<String>,
    /// Where the file is kept as it was; `None` where nothing was lost, or where it stays in its place because nothing went on.
    pub aside: Option<PathBuf>,
}

/// Writes the names of the run in `folder` anew for its weights `after` further steps, of which `now` has the path and the most
/// probable of `clusters` classes of each image. To be called before `embeddings.parquet` and `metrics.json` of the former
/// evaluation are replaced: they say what the named classes held.
///
/// A class goes on as the one that has more than half of its images and takes more than half of its own from it; so two never
/// go on as one. `None` where nothing was named, or nothing tells what the named classes held: the names stay those of the
/// weights that they were given for.
///
/// # Errors
/// The file cannot be written.
pub fn carry_names(
    folder: &Path,
    clusters: u32,
    after: &NamedWeights,
    now: &[(String, u32)],
) -> Result<Option<Carried>, RunError> {
    let path = clusters_file(folder);
    let Some(evaluated) = NamedWeights::evaluated(folder).filter(|_| path.is_file()) else {
        return Ok(None);
    };
    let (NamedWeights::Step { step: from, .. }, NamedWeights::Step { step: to, .. }) = (&evaluated, after)
    else {
        return Ok(None);
    };
    let (from, to) = (*from, *to);
    // What cannot be read stays as it is, and whoever uses it says so.
    let Ok(Some(before)) = Samples::read(folder, false) else { return Ok(None) };
    // A kill between the table and the figures leaves the table of the later weights.
    if before.steps.is_some_and(|steps| steps != from) {
        return Ok(None);
    }
    let _lock = UpdateLock::of(&path)?;
    let Ok(names) = ClusterNames::load(&path, clusters) else { return Ok(None) };
    let are_its = names.weights().is_none_or(|weights| weights.are(&evaluated));
    if evaluated.are(after) || !are_its || !names.names_classes() {
        return Ok(None);
    }
    let before = before.rows().into_iter().map(|image| (image.path, image.clusters[0].0));
    let (mut carried, kept, lost) = names.renumbered(&successors(before, now));
    let mut aside = None;
    if !kept.is_empty() {
        if !lost.is_empty() {
            aside = Some(folder::keep_copy(folder, files::CLUSTERS)?);
        }
        carried.set_weights(after.clone());
        carried.save(&path)?;
    }
    Ok(Some(Carried { from, to, kept, lost, aside }))
}

/// The class that each class goes on as, from the classes of the same images before and now.
fn successors(before: impl Iterator<Item = (String, u32)>, now: &[(String, u32)]) -> HashMap<u32, u32> {
    let now: HashMap<&str, u32> = now
        .iter()
        .filter(|(path, _)| !path.is_empty())
        .map(|(path, class)| (path.as_str(), *class))
        .collect();
    let (mut old, mut new, mut both) = (HashMap::new(), HashMap::new(), HashMap::new());
    for (path, class) in before {
        let Some(&later) = now.get(path.as_str()) else { continue };
        *old.entry(class).or_insert(0u64) += 1;
        *new.entry(later).or_insert(0u64) += 1;
        *both.entry((class, later)).or_insert(0u64) += 1;
    }
    let most = |(class, later): &(u32, u32), count: u64| 2 * count > old[class] && 2 * count > new[later];
    both.into_iter().filter(|(pair, count)| most(pair, *count)).map(|(pair, _)| pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_goes_on_where_most_images_agree_both_ways() {
        let images = |classes: &[u32]| -> Vec<(String, u32)> {
            classes.iter().enumerate().map(|(image, class)| (format!("{image}.png"), *class)).collect()
        };
        let before = images(&[0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 3]);
        // 0 became 5, and 1 became 0; 2 was split evenly, and 3 was taken in by 5 and 7.
        let now = images(&[5, 5, 5, 0, 0, 9, 4, 8, 7, 7, 5, 5]);
        let found = successors(before.into_iter(), &now);
        assert_eq!(found, [(0, 5), (1, 0)].into());
        assert!(
            successors(images(&[1]).into_iter(), &[(String::new(), 1)]).is_empty(),
            "images without a name"
        );
    }
}
