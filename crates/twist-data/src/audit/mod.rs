//! Whether a data set is fit to train on: what is there twice, what cannot be read, and what is odd.
//!
//! Each image is decoded once, and about a kilobyte and a half of it is kept ([`look`]): hashes of its bytes and pixels, its
//! figures, and a gray thumbnail of 32 × 32. Near copies are found among the thumbnails: [`windows`] computes perceptual hashes
//! of the image and of the parts that a crop may show, [`index`] finds hashes that are nearly equal without comparing all with
//! all, and [`compare`] decides on the pixels. `docs/audit.md` has what each check computes and how well.

mod check;
mod fences;
mod finding;

mod gray;
mod kept;
mod look;
mod quality;

mod compare;
mod index;
mod thumbnail;
mod windows;

mod copies;
mod search;
mod sets;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

pub use self::check::Check;
use self::copies::{Copies, Copy, copies};
pub use self::fences::fences;
pub use self::finding::{Action, Finding};
pub use self::kept::{KeptLooks, LOOKS};
use self::look::{Look, WHOLE};
use crate::dataset::{Dataset, LeftOut};
use crate::dataset::{content_key, read_stamped};
use crate::survey::{OnProgress, SurveyOptions, Unreadable, in_threads};

/// What to look for, and how.
#[derive(Clone)]
pub struct AuditOptions<'a> {
    /// What is reported.
    pub checks: BTreeSet<Check>,
    /// Checks whose images are to be removed.
    pub remove: BTreeSet<Check>,
    /// Threads, and who is told how many images were decoded.
    pub survey: SurveyOptions<'a>,
    /// What earlier audits saw of the same images, where it is kept.
    pub kept: Option<&'a KeptLooks>,
    /// Told how many images were compared.
    pub compared: OnProgress<'a>,
}

/// What was found in a data set.
#[derive(Clone, Debug)]
pub struct Audit {
    /// Number of images.
    pub images: usize,
    /// Number of images of the other data set.
    pub against: Option<usize>,
    /// All findings, by check, those of a group together.
    pub findings: Vec<Finding>,
    /// Images of the other data set that cannot be read, and are therefore not compared.
    pub against_unreadable: Vec<Unreadable>,
    /// What else was found beside the images.
    pub left_out: Vec<LeftOut>,
}

/// Looks at every image of `dataset`, and for the same images in `against`.
///
/// The result does not depend on the number of threads.
pub fn audit(dataset: &dyn Dataset, against: Option<&dyn Dataset>, options: &AuditOptions<'_>) -> Audit {
    let look_at = |dataset: &dyn Dataset, done| look_at(dataset, &options.survey, options.kept, done);
    let (looks, unreadable) = look_at(dataset, 0);
    let (others, against_unreadable) =
        against.map_or_else(Default::default, |other| look_at(other, dataset.len()));
    let wants = |check: &Check| options.checks.contains(check);
    let is_near = wants(&Check::NearCopy) || (against.is_some() && wants(&Check::NearLeak));
    let copies = in_threads(options.survey.threads, || copies(&looks, &others, is_near, options.compared));

    let mut found = Findings { dataset, options, all: Vec::new() };
    for (index, image) in &unreadable {
        found.add(*index, Check::Unreadable, None, None, &image.reason);
    }
    found.copies(&looks, &copies);
    if let Some(against) = against {
        found.leaks(&looks, &others, &copies, against);
    }
    for look in &looks {
        for oddity in &look.oddities {
            found.add(look.index, oddity.check, oddity.value, None, &oddity.why);
        }
    }
    found.color_types(&looks);
    found.sizes(&looks);
    found.all.retain(|finding| wants(&finding.check));
    found.all.sort_by_key(|finding| (finding.group.is_none(), finding.group));
    // Groups stand where copies stand: after what cannot be read.
    found.all.sort_by_key(|finding| match finding.group {
        Some(_) => Check::ExactCopy,
        None => finding.check,
    });
    let mut audit = Audit {
        images: dataset.len(),
        against: against.map(Dataset::len),
        findings: found.all,
        against_unreadable: against_unreadable.into_iter().map(|(_, image)| image).collect(),
        left_out: dataset.left_out().to_vec(),
    };
    audit.settle(dataset, against);
    audit
}

/// Decodes each image once, unless what was seen of it is `kept`. Returns what was seen, and the numbers of images that cannot be
/// read. `done` images were decoded before.
fn look_at(
    dataset: &dyn Dataset,
    survey: &SurveyOptions<'_>,
    kept: Option<&KeptLooks>,
    done: usize,
) -> (Vec<Look>, Vec<(usize, Unreadable)>) {
    let indices: Vec<usize> = (0..dataset.len()).collect();
    let progress = |now: usize| survey.progress.map_or((), |progress| progress(done + now));
    let survey = SurveyOptions { progress: Some(&progress), ..*survey };
    let looks = survey.each(dataset, &indices, |decoder, index| {
        if let Some(look) = kept.and_then(|kept| kept.of_stamp(index, dataset.stamp(index))) {
            return Ok(look.called(&dataset.path(index)));
        }
        let (stored, stamp) = match kept {
            Some(_) => read_stamped(dataset, index),
            None => (dataset.read(index), None),
        };
        let stored = stored.map_err(|error| error.to_string())?;
        let content = kept.map(|kept| (kept, content_key(&stored)));
        if let Some(look) = content.and_then(|(kept, content)| kept.of_content(index, content, stamp)) {
            return Ok(look.called(&dataset.path(index)));
        }
        let (image, note) = dataset.decoded(index, &stored, decoder).map_err(|error| error.to_string())?;
        let look = Look::of(index, &stored, &image, note);
        content.into_iter().for_each(|(kept, content)| kept.keep(&look, content, stamp));
        Ok(look.called(&dataset.path(index)))
    });
    let (mut seen, mut unreadable) = (Vec::with_capacity(looks.len()), Vec::new());
    for (index, look) in looks.into_iter().enumerate() {
        match look {
            Ok(look) => seen.push(look),
            Err(error) => unreadable.push((index, error)),
        }
    }
    (seen, unreadable)
}

/// Collects findings.
struct Findings<'a> {
    dataset: &'a dyn Dataset,
    options: &'a AuditOptions<'a>,
    all: Vec<Finding>,
}

impl Findings<'_> {
    fn add(&mut self, index: usize, check: Check, value: Option<f64>, other: Option<String>, why: &str) {
        let action = if self.options.remove.contains(&check) { Action::Remove } else { Action::Look };
        let path = self.dataset.path(index);
        self.all.push(Finding { index, path, check, value, group: None, action, other, why: why.to_owned() });
    }

    /// Every member of every group.
    fn copies(&mut self, looks: &[Look], copies: &Copies) {
        let mut number = 0;
        for group in &copies.groups {
            let checks: Vec<Option<Check>> =
                group.members.iter().map(|member| member.copy_of.map(|(_, copy)| check_of(copy))).collect();
            // Without near copies, only images with an equal one are of interest.
            if !checks.iter().flatten().any(|check| self.options.checks.contains(check)) {
                continue;
            }
            number += 1;
            let strictest = checks.iter().flatten().max().copied().unwrap_or(Check::ExactCopy);
            for member in &group.members {
                let index = looks[member.look].index;
                match member.copy_of {
                    Some((other, copy)) => {
                        let path = self.dataset.path(looks[other].index);
                        let is_whole =
                            [member.look, other].into_iter().all(|look| looks[look].is_read_whole());
                        let is_sure = is_whole || copy != Copy::EqualPixels;
                        let why = if is_sure { why_of(copy) } else { PARTS };
                        self.add(index, check_of(copy), Some(value_of(copy)), Some(path), why);
                        let look_at = self.all.iter_mut().last().filter(|_| !is_sure);
                        look_at.into_iter().for_each(|own| own.action = Action::Look);
                    }
                    None => {
                        self.add(
                            index,
                            strictest,
                            None,
                            None,
                            "the best of its group, or not a copy of the best",
                        );
                        self.all.iter_mut().last().into_iter().for_each(|own| own.action = Action::Keep);
                    }
                }
                self.all.iter_mut().last().into_iter().for_each(|own| own.group = Some(number));
            }
        }
    }

    fn leaks(&mut self, looks: &[Look], others: &[Look], copies: &Copies, against: &dyn Dataset) {
        for leak in &copies.leaks {
            let check = match check_of(leak.copy) {
                Check::ExactCopy => Check::ExactLeak,
                _ => Check::NearLeak,
            };
            let other = against.path(others[leak.other].index);
            let value = Some(value_of(leak.copy));
            self.add(looks[leak.look].index, check, value, Some(other), why_of(leak.copy));
        }
    }

    /// Images of a colour type that loses something and that less than half of the images have.
    fn color_types(&mut self, looks: &[Look]) {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let types = || looks.iter().filter_map(|look| Some((look, look.color_type.as_deref()?)));
        types().for_each(|(_, color)| *counts.entry(color).or_default() += 1);
        for (look, color) in types() {
            if !WHOLE.contains(&color) && 2 * counts[color] < looks.len() {
                let why = format!("its file has the colour type {color}; it is read as RGB of 8 bits");
                self.add(look.index, Check::ColorType, None, None, &why);
            }
        }
    }

    /// Images whose side is far from that of the others.
    fn sizes(&mut self, looks: &[Look]) {
        let side = |look: &Look| (look.pixels() as f64).sqrt();
        let Some((least, most)) = fences(looks.iter().map(side).collect()) else { return };
        for look in looks {
            let own = side(look);
            if own < least || own > most {
                let why = format!(
                    "{} x {} pixels; the root of the area is usually between {:.0} and {most:.0} here",
                    look.size.0,
                    look.size.1,
                    least.max(1.0)
                );
                self.add(look.index, Check::Size, Some(own), None, &why);
            }
        }
    }
}

/// Why images with equal pixels may be no copies.
const PARTS: &str =
    "equal pixels as they are read; transparency, depth or further pages, which are not read, may differ";

fn check_of(copy: Copy) -> Check {
    match copy {
        Copy::EqualBytes | Copy::EqualPixels => Check::ExactCopy,
        Copy::Near(_) => Check::NearCopy,
    }
}

fn value_of(copy: Copy) -> f64 {
    match copy {
        Copy::EqualBytes | Copy::EqualPixels => 1.0,
        Copy::Near(likeness) => f64::from(likeness),
    }
}

fn why_of(copy: Copy) -> &'static str {
    match copy {
        Copy::EqualBytes => "equal bytes",
        Copy::EqualPixels => "equal pixels in another file",
        Copy::Near(_) => "one shows the other or a part of it",
    }
}

impl Audit {
    /// Takes images off the list to remove where more would go than a copy: copies of an image that goes itself, files that stay
    /// under another name or are in `against`, and files that cannot be opened, of which nobody knows what they hold. To be called
    /// again after findings were added.
    pub fn settle(&mut self, dataset: &dyn Dataset, against: Option<&dyn Dataset>) {
        let goes_itself: HashSet<String> = self
            .findings
            .iter()
            .filter(|finding| finding.action == Action::Remove && finding.group.is_none())
            .map(|finding| finding.path.clone())
            .collect();
        for finding in self.findings.iter_mut().filter(|finding| finding.group.is_some()) {
            let other_goes = finding.other.as_ref().is_some_and(|other| goes_itself.contains(other));
            match finding.action {
                Action::Keep if goes_itself.contains(&finding.path) => finding.action = Action::Remove,
                Action::Remove if other_goes => finding.look_at("the image that it repeats goes itself"),
                _ => {}
            }
        }
        let closed = |index| dataset.file(index).is_some_and(|file| fs_err::File::open(file).is_err());
        let unreadable = self.findings.iter_mut().filter(|finding| finding.check == Check::Unreadable);
        for finding in unreadable.filter(|finding| finding.action == Action::Remove && closed(finding.index))
        {
            finding.look_at("it may be a good image");
        }
        let removed = self.removed();
        if removed.is_empty() {
            return;
        }
        let real =
            |data: &dyn Dataset, index| data.file(index).and_then(|file| fs_err::canonicalize(file).ok());
        let stays = (0..dataset.len()).filter(|index| removed.binary_search(index).is_err());
        let mut names: HashSet<PathBuf> = stays.filter_map(|index| real(dataset, index)).collect();
        names.extend(
            against.into_iter().flat_map(|other| (0..other.len()).filter_map(|index| real(other, index))),
        );
        for finding in self.findings.iter_mut().filter(|finding| finding.action == Action::Remove) {
            // A link goes alone: what it leads to stays.
            let is_link = dataset.file(finding.index).is_some_and(|file| file.is_symlink());
            if !is_link && real(dataset, finding.index).is_some_and(|file| names.contains(&file)) {
                finding.look_at("it is another name of a file that stays");
            }
        }
    }

    /// Numbers of the images to remove, ascending.
    pub fn removed(&self) -> Vec<usize> {
        let removed = self.findings.iter().filter(|finding| finding.action == Action::Remove);
        removed.map(|finding| finding.index).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// How many images each check found: those that are kept only because others repeat them do not count.
    pub fn counts(&self) -> BTreeMap<Check, usize> {
        let mut images: HashMap<Check, BTreeSet<usize>> = HashMap::new();
        for finding in self.findings.iter().filter(|finding| finding.action != Action::Keep) {
            images.entry(finding.check).or_default().insert(finding.index);
        }
        images.into_iter().map(|(check, images)| (check, images.len())).collect()
    }
}
