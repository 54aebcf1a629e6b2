//! `map.safetensors`: where each image lies, kept in the run folder because a large map takes minutes.
//!
//! It holds `position` (f32 `[N, 2]`, each number in 0..=1, y downwards) and `row` (i32 `[N]`, rows of `embeddings.parquet`,
//! ascending). Its metadata say of which features and how the map was made. A file of other features, of another method, or that
//! cannot be read is passed over and replaced: everything in it can be computed again.

use std::path::Path;

use rayon::prelude::*;
use serde_json::{Value, json};
use twist_io::{Dtype, HostTensor, IoError, StateDict, load_safetensors, save_safetensors, splitmix};
use twist_run::files;

use super::layout::{Done, Layout, layout};

/// What makes the same map of the same features; a change of the method or its values changes this.
const METHOD: &str = "FIt-SNE, perplexity 30, 750 epochs, from 50 principal components";
/// Smaller maps take a second and are not kept.
const LARGE: usize = 5_000;
/// Numbers that are hashed one after another.
const PART: usize = 1 << 16;

/// The map of the features `points` (`[N, width]`) of the run in `folder`: the one that is kept there, or a new one, which is
/// kept if it is large. `None` when there are too few points. Also why a new map could not be kept, which is not a reason to have
/// none.
pub(crate) fn layout_of(
    folder: &Path,
    points: &[f32],
    width: usize,
    preferred: &dyn Fn(usize) -> bool,
    done: &Done,
) -> (Option<Layout>, Option<IoError>) {
    if let Some(found) = kept(folder, points, width) {
        return (Some(found), None);
    }
    let made = layout(points, width, preferred, done);
    let large = made.as_ref().filter(|made| made.rows.len() >= LARGE);
    let kept = large.map_or(Ok(()), |made| keep(folder, points, width, made));
    (made, kept.err())
}

/// The map of these features that is kept in `folder`.
pub(crate) fn kept(folder: &Path, points: &[f32], width: usize) -> Option<Layout> {
    let of = points.len() / width.max(1);
    let path = folder.join(files::MAP);
    if of < LARGE || !path.is_file() {
        return None;
    }
    let (state, facts) = load_safetensors(path).ok()?;
    if facts? != facts_of(points, width) {
        return None;
    }
    let numbers = |name: &str, dtype: Dtype, per_row: usize| {
        let tensor = state.get(name).filter(|tensor| tensor.dtype == dtype)?;
        let shape: &[usize] = &tensor.shape;
        let fits = shape.iter().product::<usize>() == per_row * shape.first()?;
        fits.then(|| tensor.data.as_chunks::<4>().0)
    };
    let rows: Vec<u32> =
        numbers("row", Dtype::I32, 1)?.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
    let flat: Vec<f32> =
        numbers("position", Dtype::F32, 2)?.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let positions = flat.as_chunks::<2>().0.to_vec();
    let ascending = rows.windows(2).all(|pair| pair[0] < pair[1]);
    let inside = rows.last().is_some_and(|last| (*last as usize) < of);
    let placed = positions.len() == rows.len() && flat.iter().all(|value| (0.0..=1.0).contains(value));
    (ascending && inside && placed).then_some(Layout { rows, positions, of })
}

fn keep(folder: &Path, points: &[f32], width: usize, made: &Layout) -> Result<(), IoError> {
    let mut state = StateDict::default();
    let positions = made.positions.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
    let rows = made.rows.iter().flat_map(|row| row.to_le_bytes()).collect();
    let count = made.rows.len();
    state.push("position", HostTensor { dtype: Dtype::F32, shape: vec![count, 2], data: positions });
    state.push("row", HostTensor { dtype: Dtype::I32, shape: vec![count], data: rows });
    save_safetensors(folder.join(files::MAP), &state, Some(&facts_of(points, width)))
}

fn facts_of(points: &[f32], width: usize) -> Value {
    let hash_of = |part: &[f32]| part.iter().fold(0, |hash, x| splitmix(hash ^ u64::from(x.to_bits())));
    let parts: Vec<u64> = points.par_chunks(PART).map(hash_of).collect();
    let hash = parts.into_iter().fold(width as u64, |hash, part| splitmix(hash ^ part));
    json!({ "method": METHOD, "features": format!("{hash:016x}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_map_is_used_for_the_same_features_only() {
        let folder = tempfile::tempdir().unwrap();
        let points: Vec<f32> = (0..2 * LARGE).map(|i| (splitmix(i as u64) >> 40) as f32 / 1e9).collect();
        assert_eq!(kept(folder.path(), &points, 2), None);
        let made = Layout {
            rows: (0..LARGE as u32).filter(|row| *row != 7).collect(),
            positions: (0..LARGE - 1).map(|row| [row as f32 / LARGE as f32, 0.25]).collect(),
            of: LARGE,
        };
        keep(folder.path(), &points, 2, &made).unwrap();
        assert_eq!(kept(folder.path(), &points, 2).as_ref(), Some(&made));
        let (found, why) = layout_of(folder.path(), &points, 2, &|_| true, &Done::default());
        assert!(found.as_ref() == Some(&made) && why.is_none(), "it is not made again");

        let mut others = points.clone();
        others[11] += 0.5;
        assert_eq!(kept(folder.path(), &others, 2), None, "other features");
        let path = folder.path().join(files::MAP);
        let mut bytes = fs_err::read(&path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 0x10;
        fs_err::write(&path, bytes).unwrap();
        assert_eq!(kept(folder.path(), &points, 2), None, "damage");
        keep(
            folder.path(),
            &points,
            2,
            &Layout { rows: vec![LARGE as u32], positions: vec![[0.0; 2]], of: LARGE },
        )
        .unwrap();
        assert_eq!(kept(folder.path(), &points, 2), None, "a row that does not exist");
    }

    #[test]
    fn a_small_map_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let points: Vec<f32> = (0..40).map(|i| i as f32).collect();
        let (made, why) = layout_of(folder.path(), &points, 2, &|_| true, &Done::default());
        assert!(made.is_some() && why.is_none() && !folder.path().join(files::MAP).exists());
    }
}
