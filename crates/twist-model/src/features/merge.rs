//! Features that are kept and features that are computed, in the order of the images.

use tch::Tensor;
use twist_data::Skipped;
use twist_io::{RecordKey, Records};

use super::CacheUse;
use crate::ModelError;
use crate::stream::{FeatureBatch, StreamEvent};

/// Rows that are handed on together.
const ROWS: usize = 1024;

/// Computes the features of one image, or says why it cannot be read.
type Again<'a> = &'a dyn Fn(u32) -> Result<Result<Vec<f32>, Skipped>, ModelError>;

/// Takes computed rows in order, puts the kept ones between them, and hands all on.
pub(super) struct Merge<'a, T> {
    /// The content of each image whose features are kept.
    known: &'a [Option<RecordKey>],
    kept: Option<&'a Records>,
    /// For records that are damaged.
    again: Again<'a>,
    take: T,
    /// The first image that was not looked at.
    next: u32,
    indices: Vec<u32>,
    /// `[indices, width]`.
    values: Vec<f32>,
    width: usize,
    value: Vec<u8>,
    rows: usize,
    /// Images that were told.
    told: u32,
    counts: CacheUse,
}

impl<'a, T: FnMut(FeatureBatch<'_>) -> Result<(), ModelError>> Merge<'a, T> {
    pub(super) fn new(
        known: &'a [Option<RecordKey>],
        kept: Option<&'a Records>,
        again: Again<'a>,
        take: T,
    ) -> Self {
        Self {
            known,
            kept,
            again,
            take,
            next: 0,
            indices: Vec::with_capacity(ROWS),
            values: Vec::new(),
            width: 0,
            value: Vec::new(),
            rows: 0,
            told: 0,
            counts: CacheUse::default(),
        }
    }

    /// Tells how many images were looked at.
    pub(super) fn progress(&mut self, hear: &mut dyn FnMut(StreamEvent<'_>)) {
        if self.next > self.told {
            self.told = self.next;
            hear(StreamEvent::Progress(self.next as usize, self.known.len()));
        }
    }

    /// Takes the row of the next image that is not known.
    pub(super) fn computed(
        &mut self,
        index: u32,
        row: &[f32],
        hear: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Result<(), ModelError> {
        self.up_to(index, hear)?;
        self.next = index + 1;
        self.counts.computed += 1;
        self.push(index, row)
    }

    /// The next image that is not known cannot be read.
    pub(super) fn skipped(
        &mut self,
        image: &Skipped,
        hear: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Result<(), ModelError> {
        self.up_to(image.index, hear)?;
        self.next = image.index + 1;
        hear(StreamEvent::Skipped(image));
        Ok(())
    }

    /// Hands on what is left. Returns the number of rows.
    pub(super) fn finish(
        mut self,
        hear: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Result<(usize, CacheUse), ModelError> {
        self.up_to(self.known.len() as u32, hear)?;
        self.hand_on()?;
        self.progress(hear);
        Ok((self.rows, self.counts))
    }

    /// The kept rows of the images before this one.
    fn up_to(&mut self, end: u32, hear: &mut dyn FnMut(StreamEvent<'_>)) -> Result<(), ModelError> {
        let mut row: Vec<f32> = Vec::with_capacity(self.width);
        for index in self.next..end {
            self.next = index + 1;
            let (Some(kept), Some(key)) = (self.kept, self.known[index as usize]) else { continue };
            row.clear();
            if kept.read(&key, &mut self.value) && self.value.len().is_multiple_of(4) {
                let number = |bytes: &[u8]| f32::from_le_bytes(std::array::from_fn(|i| bytes[i]));
                row.extend(self.value.chunks_exact(4).map(number));
            }
            // A row of another width is not one of these features.
            if row.is_empty() || (self.width > 0 && row.len() != self.width) {
                match (self.again)(index)? {
                    Ok(computed) => {
                        let bytes: Vec<u8> = computed.iter().flat_map(|value| value.to_le_bytes()).collect();
                        // What keeps it from being written is told with the others.
                        let _ = kept.push(key, &bytes);
                        row = computed;
                        self.counts.computed += 1;
                    }
                    Err(image) => {
                        hear(StreamEvent::Skipped(&image));
                        continue;
                    }
                }
            } else {
                self.counts.known += 1;
            }
            self.push(index, &row)?;
            if self.indices.is_empty() {
                self.progress(hear);
            }
        }
        Ok(())
    }

    fn push(&mut self, index: u32, row: &[f32]) -> Result<(), ModelError> {
        self.width = row.len();
        self.indices.push(index);
        self.values.extend_from_slice(row);
        if self.indices.len() < ROWS { Ok(()) } else { self.hand_on() }
    }

    /// Hands on what was taken.
    pub(super) fn hand_on(&mut self) -> Result<(), ModelError> {
        if self.indices.is_empty() {
            return Ok(());
        }
        let shape = [self.indices.len() as i64, self.width as i64];
        let features = Tensor::f_from_slice(&self.values)?.f_view(shape)?;
        (self.take)(FeatureBatch { indices: &self.indices, features: &features })?;
        self.rows += self.indices.len();
        self.indices.clear();
        self.values.clear();
        Ok(())
    }
}
