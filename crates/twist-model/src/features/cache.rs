//! Features are computed once for each image and model, and kept.
//!
//! The features of a model are one file of records, `KEY.features` ([`Records`]). The key is a hash of everything but the image
//! that decides the numbers: the backbone's weights, transform, normalisation, arithmetic, which features, and how many images go
//! through the network together. In the file, the features of an image are found by its content ([`content_key`]), and the
//! content by the stamp of its file, without reading it ([`Stamp`](twist_data::Stamp)). So the images of a folder that were not
//! changed cost a look at the folder; a file that was moved, renamed, copied or touched is read and recognised; and only what is
//! new goes through the network. Whose features an image gets depends on nothing else: not on its data set, its name or its place.
//!
//! The arithmetic of libtorch depends on how many images a batch has, though not on which. All batches are therefore filled up to
//! the same number, and the features of an image are the same bits whatever was known before.
//!
//! An image that is alone is computed alone and not kept: to fill up a batch for it would take many times as long.
//!
//! An image that cannot be read has no record: it is tried again each time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};
use torch_ext::Autocast;
use twist_data::{Dataset, Skipped, Witness, content_key, read_stamped, witnessed};
use twist_io::{RecordKey, Records, Refused, remove_leftovers};
use twist_nn::FeatureKind;

use super::merge::Merge;
use super::{FeatureSet, RowBuffer, old};
use crate::model::hex;
use crate::stream::{FeatureBatch, StreamEvent};
use crate::user_folder::{user_folder, variable};
use crate::{EvalInput, Model, ModelError};

/// How the names of the files end.
const ENDING: &str = "features";
/// How the names of unfinished files end.
const UNFINISHED: &str = ".twist-tmp";

/// Where features are kept.
#[derive(Clone, Debug)]
pub struct FeatureCache {
    folder: Option<PathBuf>,
}

/// How many images were known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheUse {
    /// Images whose features were in the cache.
    pub known: usize,
    /// Images whose features were computed.
    pub computed: usize,
}

impl FeatureCache {
    /// The user's: `$TWIST_CACHE`, else `$XDG_CACHE_HOME/twist/features`, else `~/.cache/twist/features`; off where there
    /// is none of them.
    pub fn of_user() -> Self {
        let folder = variable("TWIST_CACHE").or_else(|| user_folder("features"));
        Self { folder }
    }

    /// In this folder, which is made when it is needed.
    pub fn at(folder: PathBuf) -> Self {
        Self { folder: Some(folder) }
    }

    /// Nothing is kept.
    pub fn off() -> Self {
        Self { folder: None }
    }

    /// Where the files lie.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Bytes of all files that Twist keeps there, unfinished ones included; 0 where nothing is kept yet.
    pub fn bytes(&self) -> u64 {
        let entries = self.folder.as_deref().and_then(|folder| folder.read_dir().ok()).into_iter().flatten();
        let is_ours = |name: &str| {
            let extension = name.rsplit_once('.').map(|(_, extension)| extension);
            extension.is_some_and(|extension| [ENDING, twist_data::LOOKS, "npy"].contains(&extension))
                || name.ends_with(UNFINISHED)
        };
        let files = entries.flatten().filter(|entry| is_ours(&entry.file_name().to_string_lossy()));
        files.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
    }

    /// The features of every readable image of `dataset`, those in the cache from there.
    ///
    /// # Errors
    /// No image can be read, the model has no backbone, or libtorch fails. A cache that cannot be used is not an error: `hear` is
    /// told ([`StreamEvent::Note`]), and nothing is kept.
    pub fn features(
        &self,
        model: &Model,
        input: &EvalInput,
        kind: FeatureKind,
        dataset: &Arc<dyn Dataset>,
        hear: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Result<FeatureSet, ModelError> {
        let (mut rows, mut indices, mut skipped) = (RowBuffer::default(), Vec::new(), Vec::new());
        let mut listen = |event: StreamEvent<'_>| {
            if let StreamEvent::Skipped(image) = event {
                skipped.push(image.clone());
            }
            hear(event);
        };
        let count = self.stream(model, input, kind, dataset, &mut listen, |batch| {
            indices.extend_from_slice(batch.indices);
            rows.push(batch.features, dataset.len())
        })?;
        Ok(FeatureSet { indices, rows: rows.first(count as i64)?, skipped })
    }

    /// Hands the features of every readable image of `dataset` to `take`, in order, those in the cache from there; memory holds
    /// a few batches of them, however many there are. Returns the number of rows.
    ///
    /// # Errors
    /// As [`FeatureCache::features`]; `take` fails.
    pub fn stream(
        &self,
        model: &Model,
        input: &EvalInput,
        kind: FeatureKind,
        dataset: &Arc<dyn Dataset>,
        hear: &mut dyn FnMut(StreamEvent<'_>),
        take: impl FnMut(FeatureBatch<'_>) -> Result<(), ModelError>,
    ) -> Result<usize, ModelError> {
        model.backbone()?;
        let wanted = Wanted { model, input, kind, dataset };
        let kept = match &self.folder {
            Some(folder) if !model.backbone_hash.is_empty() && !wanted.is_alone() => {
                wanted.kept_in(folder, hear)
            }
            _ => None,
        };
        let rows = wanted.stream(kept.as_ref(), hear, take)?;
        if rows == 0 { Err(ModelError::NoFeatures) } else { Ok(rows) }
    }
}

/// Whose features of which images are wanted.
struct Wanted<'a> {
    model: &'a Model,
    input: &'a EvalInput,
    kind: FeatureKind,
    dataset: &'a Arc<dyn Dataset>,
}

impl Wanted<'_> {
    /// Whether there is only one image.
    fn is_alone(&self) -> bool {
        self.dataset.len() == 1
    }

    /// Everything but the images that decides the numbers.
    fn facts(&self) -> String {
        let Self { model, input, kind, .. } = self;
        serde_json::json!({
            "version": 2,
            "model": model.backbone_hash,
            "arch": model.card.backbone,
            "features": kind.to_string(),
            "transform": input.transform,
            "mean": model.card.mean,
            "std": model.card.std,
            "autocast": input.autocast.map(|kind| format!("{kind:?}")),
            "device": if input.device.is_cuda() { "cuda" } else { "cpu" },
            "batch": input.batch_size,
        })
        .to_string()
    }

    /// The records of these features in `folder`; `None`, and told, where they cannot be used.
    fn kept_in(&self, folder: &Path, hear: &mut dyn FnMut(StreamEvent<'_>)) -> Option<Records> {
        let facts = self.facts();
        let name = format!("{}.{ENDING}", hex(&Sha256::digest(facts.as_bytes())[..16]));
        match Records::open(folder.join(name), &facts) {
            Ok(records) => {
                if folder.is_dir() {
                    let swept = remove_leftovers(folder);
                    swept.err().into_iter().for_each(|error| hear(StreamEvent::Note(&error.to_string())));
                    old::remove(folder).into_iter().for_each(|note| hear(StreamEvent::Note(&note)));
                }
                records.notes().iter().for_each(|note| hear(StreamEvent::Note(note)));
                Some(records)
            }
            Err(error) => {
                hear(StreamEvent::Note(&unusable("features are computed and not kept", error)));
                None
            }
        }
    }

    /// The content of each image whose features are kept. Images that no stamp tells are read.
    fn known(&self, kept: &Records) -> (Vec<Option<RecordKey>>, Result<(), twist_io::IoError>) {
        let Self { dataset, .. } = self;
        if kept.is_empty() {
            return (vec![None; dataset.len()], Ok(()));
        }
        let of = |index| -> Result<Option<RecordKey>, twist_io::IoError> {
            let stamp = dataset.stamp(index);
            if let Some(content) = stamp.and_then(|stamp| kept.link(&stamp.key())).filter(|key| kept.has(key))
            {
                return Ok(Some(content));
            }
            let (Ok(stored), settled) = read_stamped(&***dataset, index) else { return Ok(None) };
            let content = Some(content_key(&stored)).filter(|key| kept.has(key));
            if let (Some(content), Some(stamp)) = (content, settled) {
                kept.push_link(stamp.key(), content)?;
            }
            Ok(content)
        };
        let mut trouble = Ok(());
        let all: Vec<_> = (0..dataset.len()).into_par_iter().with_min_len(16).map(of).collect();
        let known = all.into_iter().map(|found| {
            found.unwrap_or_else(|error| {
                trouble = Err(error);
                None
            })
        });
        (known.collect(), trouble)
    }

    /// See [`FeatureCache::stream`].
    fn stream(
        &self,
        kept: Option<&Records>,
        hear: &mut dyn FnMut(StreamEvent<'_>),
        take: impl FnMut(FeatureBatch<'_>) -> Result<(), ModelError>,
    ) -> Result<usize, ModelError> {
        let all = self.dataset.len();
        let mut trouble = Trouble::default();
        let known = match kept {
            Some(kept) => {
                let (known, result) = self.known(kept);
                trouble.note(result, hear);
                known
            }
            None => vec![None; all],
        };
        let missing: Vec<u32> = (0..all as u32).filter(|&index| known[index as usize].is_none()).collect();
        let (images, witness) = match kept {
            Some(_) => {
                let (images, witness) = witnessed(self.dataset);
                (images, Some(witness))
            }
            None => (Arc::clone(self.dataset), None),
        };
        let again = |index: u32| self.one(index);
        let mut merge = Merge::new(&known, kept, &again, take);
        if !missing.is_empty() {
            self.input.for_each_read(&images, &missing, |read| {
                let rows = read.bytes.map(|bytes| self.rows(bytes)).transpose()?;
                let mut skipped = read.skipped.iter().peekable();
                for (number, &index) in read.indices.iter().enumerate() {
                    while let Some(image) = skipped.next_if(|image| image.index < index) {
                        merge.skipped(image, hear)?;
                    }
                    let Some((values, width)) = &rows else { continue };
                    let row = &values[number * width..][..*width];
                    if let (Some(kept), Some(witness)) = (kept, &witness) {
                        trouble.note(keep(kept, witness, index, row), hear);
                    }
                    merge.computed(index, row, hear)?;
                }
                for image in skipped {
                    merge.skipped(image, hear)?;
                }
                merge.hand_on()?;
                merge.progress(hear);
                Ok::<(), ModelError>(())
            })?;
        }
        let (rows, counts) = merge.finish(hear)?;
        if let Some(kept) = kept {
            trouble.note(kept.finish(), hear);
            let damaged = kept.damaged();
            if damaged > 0 {
                let images = if damaged == 1 { "image" } else { "images" };
                let what = format!(
                    "the features of {damaged} {images} were damaged in the cache and were computed again"
                );
                hear(StreamEvent::Note(&what));
            }
            hear(StreamEvent::Cached(counts));
        }
        Ok(rows)
    }

    /// The features of one image, where it can still be read.
    fn one(&self, index: u32) -> Result<Result<Vec<f32>, Skipped>, ModelError> {
        let mut found = None;
        self.input.for_each_read(self.dataset, &[index], |read| {
            found = match (read.bytes, read.skipped.first()) {
                (Some(bytes), _) => Some(Ok(self.rows(bytes)?.0)),
                (None, skipped) => skipped.map(|image| Err(image.clone())),
            };
            Ok::<(), ModelError>(())
        })?;
        found.ok_or(ModelError::NoFeatures)
    }

    /// The features `[B, D]` of transformed images as bytes `[B, S, S, 3]`, row by row, and D. The batch is filled up with black
    /// images, because the number of images changes the last bits of the features.
    fn rows(&self, bytes: &Tensor) -> Result<(Vec<f32>, usize), ModelError> {
        let mut size = bytes.size();
        let (count, full) = (size[0], self.input.batch_size as i64);
        let features = if count < full && !self.is_alone() {
            size[0] = full - count;
            let black = Tensor::f_zeros(&size, (Kind::Uint8, Device::Cpu))?;
            let filled = Tensor::f_cat(&[bytes, &black], 0)?;
            self.input.features(self.model, &filled, self.kind)?.f_narrow(0, 0, count)?
        } else {
            self.input.features(self.model, bytes, self.kind)?
        };
        let features = features.f_to_device(Device::Cpu)?;
        let width = features.size2()?.1 as usize;
        Ok((Vec::<f32>::try_from(&features.f_contiguous()?.f_flatten(0, -1)?)?, width))
    }
}

/// Keeps the features of an image under the content that was read.
fn keep(kept: &Records, witness: &Witness, index: u32, row: &[f32]) -> Result<(), twist_io::IoError> {
    let Some((content, stamp)) = witness.take(index as usize) else { return Ok(()) };
    let bytes: Vec<u8> = row.iter().flat_map(|value| value.to_le_bytes()).collect();
    kept.push(content, &bytes)?;
    stamp.map_or(Ok(()), |stamp| kept.push_link(stamp.key(), content))
}

/// A cache that cannot be used, in words.
fn unusable(what: &str, error: twist_io::IoError) -> String {
    let remedy = "set TWIST_CACHE to another folder, or use --no-cache";
    Refused::new(format!("the cache cannot be used, and {what}")).caused_by(error).remedy(remedy).to_string()
}

/// What keeps the cache from being written to; told once.
#[derive(Default)]
struct Trouble {
    is_told: bool,
}

impl Trouble {
    fn note(&mut self, result: Result<(), twist_io::IoError>, hear: &mut dyn FnMut(StreamEvent<'_>)) {
        if let Err(error) = result
            && !std::mem::replace(&mut self.is_told, true)
        {
            hear(StreamEvent::Note(&unusable("new features are not kept", error)));
        }
    }
}

impl EvalInput {
    /// Features `[B, D]` (float32, on the model's device) of transformed images as bytes `[B, S, S, 3]`.
    ///
    /// # Errors
    /// The model has no backbone; libtorch fails.
    pub fn features(&self, model: &Model, bytes: &Tensor, kind: FeatureKind) -> Result<Tensor, ModelError> {
        let images = self.normalised(bytes)?;
        let _autocast = self.autocast.map(|kind| Autocast::scope(self.device, kind)).transpose()?;
        model.features(&images, kind)
    }
}
