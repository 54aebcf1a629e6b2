//! A batch while workers fill it.

use std::sync::{Mutex, PoisonError};

use super::{Batch, Pipeline, Skipped, ViewGroup};
use crate::error::DataError;
use crate::sampler::BatchRequest;

/// Where the views of a pipeline go: the shape of each group, and the group and place in it of each view.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    /// Size of the views and their number, for each group.
    groups: Vec<(u32, u32)>,
    /// Group, and rank among the group's views, of each view.
    places: Vec<(usize, usize)>,
    /// Bytes of all views of one image.
    pub(super) image_bytes: usize,
}

impl Layout {
    /// Views of equal size together, in the order of their first one.
    pub(super) fn of(pipeline: &Pipeline) -> Self {
        let mut layout = Self::default();
        match pipeline {
            Pipeline::Views { policies, .. } => policies.iter().for_each(|policy| layout.add(policy.size)),
            Pipeline::Eval(transform) => layout.add(transform.crop),
        }
        layout
    }

    fn add(&mut self, size: u32) {
        let group = self.groups.iter().position(|group| group.0 == size).unwrap_or_else(|| {
            self.groups.push((size, 0));
            self.groups.len() - 1
        });
        self.places.push((group, self.groups[group].1 as usize));
        self.groups[group].1 += 1;
        self.image_bytes += view_bytes(size);
    }
}

pub(super) fn view_bytes(size: u32) -> usize {
    3 * (size as usize).pow(2)
}

/// What became of one slot of a batch.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The image whose views were made, and those that could not be read on the way to it.
    Image(u32, Vec<Skipped>),
    /// The slot stays empty.
    Empty(Skipped),
    /// The whole batch fails.
    Failed(DataError),
}

/// A batch in the making. Workers make views in memory of their own and hold the lock while copying them: a few
/// microseconds for the milliseconds that an image takes.
#[derive(Debug)]
pub(super) struct Assembly {
    pub(super) sequence: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    groups: Vec<ViewGroup>,
    /// By slot; empty until its worker is done.
    outcomes: Vec<Option<Outcome>>,
    unfinished: usize,
}

impl Assembly {
    /// An empty batch, in the memory of an earlier one where it fits.
    pub(super) fn new(sequence: u64, layout: &Layout, request: &BatchRequest, spare: Vec<ViewGroup>) -> Self {
        let batch = request.indices.len();
        let mut spare = spare.into_iter();
        let groups = layout.groups.iter().map(|&(size, views)| {
            let mut pixels = spare.next().unwrap_or_default().pixels;
            pixels.resize(views as usize * batch * view_bytes(size), 0);
            ViewGroup { size, views, batch: batch as u32, pixels }
        });
        let state = State {
            groups: groups.collect(),
            outcomes: (0..batch).map(|_| None).collect(),
            unfinished: batch,
        };
        Self { sequence, state: Mutex::new(state) }
    }

    /// Takes the outcome of one slot and, of an image, its views one after another. Returns the batch when this was the
    /// last slot.
    pub(super) fn fill(
        &self,
        layout: &Layout,
        slot: usize,
        mut views: &[u8],
        outcome: Outcome,
    ) -> Option<Result<Batch, DataError>> {
        // A poisoned lock means that another worker panicked: its batch never finishes, and the loader says so.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(outcome, Outcome::Image(..)) {
            for &(group, rank) in &layout.places {
                let group = &mut state.groups[group];
                let (view, rest) = views.split_at(view_bytes(group.size));
                let at = (rank * group.batch as usize + slot) * view.len();
                group.pixels[at..at + view.len()].copy_from_slice(view);
                views = rest;
            }
        }
        state.outcomes[slot] = Some(outcome);
        state.unfinished -= 1;
        (state.unfinished == 0)
            .then(|| finish(std::mem::take(&mut state.groups), std::mem::take(&mut state.outcomes)))
    }
}

/// The batch, with empty slots closed up; or the error of the first slot that has one.
fn finish(mut groups: Vec<ViewGroup>, outcomes: Vec<Option<Outcome>>) -> Result<Batch, DataError> {
    let (mut indices, mut skipped, mut filled) = (Vec::with_capacity(outcomes.len()), Vec::new(), Vec::new());
    for (slot, outcome) in outcomes.into_iter().enumerate() {
        match outcome {
            Some(Outcome::Image(index, on_the_way)) => {
                indices.push(index);
                filled.push(slot);
                skipped.extend(on_the_way);
            }
            Some(Outcome::Empty(image)) => skipped.push(image),
            Some(Outcome::Failed(error)) => return Err(error),
            None => {}
        }
    }
    for group in &mut groups {
        close_up(group, &filled);
    }
    Ok(Batch { indices, groups, skipped })
}

/// Keeps only the given slots of a group.
fn close_up(group: &mut ViewGroup, filled: &[usize]) {
    if filled.len() == group.batch as usize {
        return;
    }
    let bytes = view_bytes(group.size);
    let slots = group.batch as usize;
    let mut end = 0;
    for view in 0..group.views as usize {
        for slot in filled {
            let from = (view * slots + slot) * bytes;
            group.pixels.copy_within(from..from + bytes, end);
            end += bytes;
        }
    }
    group.pixels.truncate(end);
    group.batch = filled.len() as u32;
}
