//! Features are computed once for each model and data set, and kept.
//!
//! An entry is two files: `KEY.npy` with the rows, mapped into memory when it is used again, and `KEY.json` with what
//! they belong to, written last. The key is a hash of everything that decides the numbers: the backbone's weights, the
//! bytes of every image, transform, normalisation, arithmetic, and which features.
//!
//! A table is kept only when the bytes that were read while it was made are those of its key, and used only when its
//! width and its checksum are what `KEY.json` says. Any other is computed again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};
use torch_ext::Autocast;
use twist_data::{Dataset, Skipped};
use twist_io::{Dtype, NpyWriter, Refused, npy_checksum, read_npy_header, remove_leftovers};
use twist_nn::FeatureKind;

use super::content::{Witness, content_hash};
use super::{FeatureSet, RowBuffer};
use crate::model::hex;
use crate::user_folder::{user_folder, variable};
use crate::{EvalInput, Model, ModelError};

/// How the names of unfinished tables end.
const UNFINISHED: &str = ".twist-tmp";

/// Where features are kept.
#[derive(Clone, Debug)]
pub struct FeatureCache {
    folder: Option<PathBuf>,
}

/// `KEY.json`.
#[derive(Serialize, Deserialize)]
struct Entry {
    rows: usize,
    /// Numbers in a row.
    width: usize,
    /// CRC-32C of the table's numbers.
    checksum: u32,
    skipped: Vec<Skipped>,
    // For people who look into the folder.
    model: String,
    features: String,
    images: usize,
    transform: serde_json::Value,
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

    /// Where entries lie.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Bytes of all tables, unfinished ones included; 0 where nothing is kept yet.
    pub fn bytes(&self) -> u64 {
        let entries = self.folder.as_deref().and_then(|folder| folder.read_dir().ok()).into_iter().flatten();
        let is_table = |name: &str| name.ends_with(".npy") || name.ends_with(UNFINISHED);
        let tables = entries.flatten().filter(|entry| is_table(&entry.file_name().to_string_lossy()));
        tables.filter_map(|table| Some(table.metadata().ok()?.len())).sum()
    }

    /// The features of every readable image of `dataset`, from the cache when they are there. `progress` hears of images
    /// done and their number while they are computed.
    ///
    /// # Errors
    /// No image can be read, the model has no backbone, libtorch fails, or the cache cannot be written.
    pub fn features(
        &self,
        model: &Model,
        input: &EvalInput,
        kind: FeatureKind,
        dataset: &Arc<dyn Dataset>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<FeatureSet, ModelError> {
        model.backbone()?;
        let wanted = Wanted { model, input, kind, dataset };
        let (Some(folder), false) = (&self.folder, model.backbone_hash.is_empty()) else {
            return wanted.in_memory(progress);
        };
        let content = content_hash(&**dataset);
        let place = folder.join(wanted.key(&content));
        if let Some(known) = read(&place, dataset.len())? {
            return Ok(known);
        }
        fs_err::create_dir_all(folder).map_err(|source| unusable(folder, source))?;
        remove_leftovers(folder)?;
        wanted.compute(&place, &content, progress)?;
        read(&place, dataset.len())?.ok_or(ModelError::NoFeatures)
    }
}

/// The cache cannot be used.
fn unusable(path: &Path, source: std::io::Error) -> Refused {
    Refused::new(format!("cannot use the cache of features in {}", path.display()))
        .caused_by(source)
        .remedy("set TWIST_CACHE to another folder, or use --no-cache")
}

/// An entry that is whole; `None` for a missing one, one of a process that was killed between its two files, or one that
/// was damaged since.
fn read(place: &Path, images: usize) -> Result<Option<FeatureSet>, ModelError> {
    let Ok(text) = twist_io::read_small(place.with_extension("json")) else { return Ok(None) };
    let Ok(entry) = serde_json::from_slice::<Entry>(&text) else { return Ok(None) };
    let table = place.with_extension("npy");
    let Ok(header) = read_npy_header(&table) else { return Ok(None) };
    let fits = header.dtype == Dtype::F32 && header.shape == [entry.rows, entry.width];
    if !fits || !npy_checksum(&table).is_ok_and(|checksum| checksum == entry.checksum) {
        return Ok(None);
    }
    let rows = mapped(&table, header.data_offset, &header.shape)?;
    let unread: std::collections::BTreeSet<u32> = entry.skipped.iter().map(|image| image.index).collect();
    let indices: Vec<u32> = (0..images as u32).filter(|index| !unread.contains(index)).collect();
    if indices.len() != entry.rows {
        return Ok(None);
    }
    Ok(Some(FeatureSet { indices, rows, skipped: entry.skipped }))
}

/// The float32 table `[N, D]` that begins `offset` bytes into a file, without reading it: pages come when they are used.
fn mapped(path: &Path, offset: u64, shape: &[usize]) -> Result<Tensor, ModelError> {
    let bytes = shape.iter().product::<usize>() as i64 * 4;
    let end = offset as i64 + bytes;
    let name = path.to_str().ok_or_else(|| unusable(path, std::io::Error::other("the path is not UTF-8")))?;
    // Private: writing to the tensor would not reach the file.
    let file = Tensor::f_from_file(name, false, Some(end), (Kind::Uint8, Device::Cpu))?;
    let floats = file.f_narrow(0, offset as i64, bytes)?.f_view_dtype(Kind::Float)?;
    Ok(floats.f_view([shape[0] as i64, shape[1] as i64])?)
}

/// Whose features of which images are wanted.
struct Wanted<'a> {
    model: &'a Model,
    input: &'a EvalInput,
    kind: FeatureKind,
    dataset: &'a Arc<dyn Dataset>,
}

impl Wanted<'_> {
    /// Everything that decides the numbers.
    fn key(&self, content: &str) -> String {
        let Self { model, input, kind, dataset } = self;
        let facts = serde_json::json!({
            "version": 1,
            "model": model.backbone_hash,
            "arch": model.card.backbone,
            "features": kind.to_string(),
            "transform": input.transform,
            "mean": model.card.mean,
            "std": model.card.std,
            "autocast": input.autocast.map(|kind| format!("{kind:?}")),
            "device": if input.device.is_cuda() { "cuda" } else { "cpu" },
            "images": dataset.len(),
            "content": content,
        });
        hex(&Sha256::digest(facts.to_string().as_bytes())[..16])
    }

    /// Streams features into a new entry: nothing but a batch is in memory. `content` is the hash of the images that the key
    /// stands for.
    fn compute(
        &self,
        place: &Path,
        content: &str,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<(), ModelError> {
        let Self { model, input, kind, dataset } = self;
        let witness = Arc::new(Witness::of(dataset));
        let watched: Arc<dyn Dataset> = Arc::clone(&witness) as _;
        let mut columns = 0;
        let mut table: Option<NpyWriter> = None;
        let (seen, skipped) = self.each_batch(&watched, progress, |features| {
            let width = features.size2()?.1 as usize;
            columns = width;
            let values: Vec<f32> = Vec::try_from(&features.f_flatten(0, -1)?.f_contiguous()?)?;
            if table.is_none() {
                table = Some(NpyWriter::create(place.with_extension("npy"), width)?);
            }
            match &mut table {
                Some(table) => Ok(table.push(&values)?),
                None => Err(ModelError::NoFeatures),
            }
        })?;
        if witness.content_hash() != content {
            let why = "run this again when nothing changes them any more";
            let what = "the images changed while their features were computed, so nothing was kept";
            return Err(Refused::new(what).because(why).into());
        }
        let table = table.ok_or(ModelError::NoFeatures)?;
        let checksum = table.checksum();
        table.finish()?;
        let entry = Entry {
            rows: seen.len(),
            width: columns,
            checksum,
            skipped,
            model: model.card.origin.clone(),
            features: kind.to_string(),
            images: dataset.len(),
            transform: serde_json::to_value(&input.transform)?,
        };
        Ok(twist_io::write_json(place.with_extension("json"), &entry)?)
    }

    /// Keeps nothing but the rows.
    fn in_memory(&self, progress: &mut dyn FnMut(usize, usize)) -> Result<FeatureSet, ModelError> {
        let (mut rows, all) = (RowBuffer::default(), self.dataset.len());
        let (indices, skipped) =
            self.each_batch(self.dataset, progress, |features| rows.push(features, all))?;
        let count = indices.len() as i64;
        Ok(FeatureSet { indices, rows: rows.first(count)?, skipped })
    }

    /// Hands the features `[B, D]` (CPU) of the images, read from `dataset`, to `take`, batch by batch.
    fn each_batch(
        &self,
        dataset: &Arc<dyn Dataset>,
        progress: &mut dyn FnMut(usize, usize),
        mut take: impl FnMut(&Tensor) -> Result<(), ModelError>,
    ) -> Result<(Vec<u32>, Vec<Skipped>), ModelError> {
        let indices: Vec<u32> = (0..dataset.len() as u32).collect();
        let mut done = 0;
        self.input.for_each_batch(dataset, &indices, |bytes| {
            let features = self.input.features(self.model, bytes, self.kind)?;
            done += features.size()[0] as usize;
            take(&features.f_to_device(Device::Cpu)?)?;
            progress(done, indices.len());
            Ok(())
        })
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
