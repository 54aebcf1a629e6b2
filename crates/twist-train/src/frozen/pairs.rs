//! What is compared: a row and one of its neighbours.

use std::sync::Arc;

use tch::{Device, Kind, Tensor};
use twist_data::Sampler;
use twist_io::splitmix;

use crate::TrainError;

/// Sets the draws of dropout apart from all others of a seed.
const DROPOUT: u64 = u64::from_be_bytes(*b"dropout\0");

/// The rows that each row may be compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbourhood {
    /// Where the neighbours of row `i` begin in `members`, N + 1 numbers.
    starts: Vec<usize>,
    members: Vec<u32>,
}

impl Neighbourhood {
    /// From the neighbours of each row. A row without any is its own neighbour.
    pub fn new(of_rows: impl IntoIterator<Item = Vec<u32>>) -> Self {
        let (mut starts, mut members) = (vec![0], Vec::new());
        for (row, neighbours) in of_rows.into_iter().enumerate() {
            match neighbours.is_empty() {
                true => members.push(row as u32),
                false => members.extend(neighbours),
            }
            starts.push(members.len());
        }
        Self { starts, members }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// The neighbours of a row, at least one.
    pub fn of(&self, row: u32) -> &[u32] {
        &self.members[self.starts[row as usize]..self.starts[row as usize + 1]]
    }

    /// The neighbour that `row` is compared with in `epoch`: each with the same probability, from nothing but these three
    /// numbers.
    pub fn draw(&self, seed: u64, epoch: u64, row: u32) -> u32 {
        let neighbours = self.of(row);
        let bits = splitmix(splitmix(splitmix(seed) ^ epoch) ^ u64::from(row));
        let place = (u128::from(bits) * neighbours.len() as u128) >> 64;
        neighbours[place as usize]
    }
}

/// Features with their neighbours, in batches.
pub struct Pairs {
    /// `[N, D]` float32 on the CPU.
    rows: Tensor,
    neighbourhood: Arc<Neighbourhood>,
    sampler: Sampler,
    seed: u64,
    unit_length: bool,
    device: Device,
}

/// A row and a neighbour of each sample of a batch.
pub(super) struct PairBatch {
    /// `[2B, D]` on the device: the rows, then the neighbours.
    pub(super) views: Tensor,
    /// Which rows these are, `[2B]` int64 on the device.
    pub(super) places: Tensor,
    /// The first half of them.
    pub(super) indices: Vec<u32>,
}

impl Pairs {
    /// Batches of `batch_size` of the rows `[N, D]` (float32, CPU), divided by their norm when `unit_length`.
    ///
    /// # Errors
    /// Neighbours of another number of rows; fewer rows than a batch.
    pub fn new(
        rows: Tensor,
        neighbourhood: Neighbourhood,
        (batch_size, seed): (usize, u64),
        unit_length: bool,
        device: Device,
    ) -> Result<Self, TrainError> {
        let (len, _) = rows.size2()?;
        if neighbourhood.rows() as i64 != len {
            let reason = format!("{len} rows, but neighbours of {}", neighbourhood.rows());
            return Err(tch::TchError::Shape(reason).into());
        }
        let sampler = Sampler::new(len as usize, batch_size, seed)?;
        let neighbourhood = Arc::new(neighbourhood);
        Ok(Self { rows, neighbourhood, sampler, seed, unit_length, device })
    }

    /// The same batches once more, of the same rows in memory.
    pub(super) fn shared(&self) -> Self {
        let (neighbourhood, sampler) = (Arc::clone(&self.neighbourhood), self.sampler.clone());
        Self { rows: self.rows.shallow_clone(), neighbourhood, sampler, ..*self }
    }

    /// The batch of a step, with each number of its views 0 at the chance `dropout`, as training sees it. Which numbers
    /// these are follows from seed and step alone.
    pub(super) fn dropped(&mut self, step: u64, dropout: f64) -> Result<PairBatch, TrainError> {
        let batch = self.batch(step)?;
        if dropout == 0.0 {
            return Ok(batch);
        }
        let key = splitmix(splitmix(self.seed ^ DROPOUT) ^ step);
        let threshold = (dropout * (u64::MAX as f64)) as u64;
        let kept = (1.0 / (1.0 - dropout)) as f32;
        let factor = |place: u64| if splitmix(key.wrapping_add(place)) < threshold { 0.0 } else { kept };
        let factors: Vec<f32> = (0..batch.views.numel() as u64).map(factor).collect();
        let factors = Tensor::f_from_slice(&factors)?.f_view_as(&batch.views)?.f_to_device(self.device)?;
        Ok(PairBatch { views: batch.views.f_mul(&factors)?, ..batch })
    }

    pub(super) fn batch(&mut self, step: u64) -> Result<PairBatch, TrainError> {
        let request = self.sampler.batch(step);
        let neighbour = |&row: &u32| self.neighbourhood.draw(self.seed, request.epoch, row);
        let places: Vec<i64> = request
            .indices
            .iter()
            .copied()
            .chain(request.indices.iter().map(neighbour))
            .map(i64::from)
            .collect();
        let places = Tensor::f_from_slice(&places)?;
        let views = self.rows.f_index_select(0, &places)?;
        let views = views.f_to_device(self.device)?.f_to_kind(Kind::Float)?;
        let views = if self.unit_length { unit_length(&views)? } else { views };
        let places = places.f_to_device(self.device)?;
        Ok(PairBatch { views, places, indices: request.indices })
    }
}

/// Each row divided by its L2 norm.
fn unit_length(rows: &Tensor) -> Result<Tensor, TrainError> {
    let norm = rows.f_norm_scalaropt_dim(2, [1i64].as_slice(), true)?.f_clamp_min(1e-12)?;
    Ok(rows.f_div(&norm)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_neighbour_is_drawn_alike_and_again_alike() {
        let neighbourhood = Neighbourhood::new([vec![1, 2, 3], vec![], vec![0], vec![0, 2]]);
        let mut counts = [0; 4];
        (0..3_000).for_each(|epoch| counts[neighbourhood.draw(7, epoch, 0) as usize] += 1);
        assert_eq!(counts[0], 0);
        assert!(counts[1..].iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
        assert_eq!(neighbourhood.draw(7, 5, 1), 1, "a row without neighbours is its own");
        let draws = |seed| (0..50).map(|epoch| neighbourhood.draw(seed, epoch, 3)).collect::<Vec<_>>();
        assert_eq!(draws(1), draws(1));
        assert_ne!(draws(1), draws(2));
    }

    #[test]
    fn a_batch_is_rows_then_their_neighbours() {
        let rows = Tensor::from_slice(&[3.0f32, 4.0, 0.0, 2.0, 1.0, 0.0]).view([3, 2]);
        let cycle = Neighbourhood::new([vec![1], vec![2], vec![0]]);
        let pairs =
            |unit| Pairs::new(rows.shallow_clone(), cycle.clone(), (2, 0), unit, Device::Cpu).unwrap();
        let PairBatch { views, indices, .. } = pairs(false).batch(4).unwrap();
        let [a, b] = [i64::from(indices[0]), i64::from(indices[1])];
        let expected = rows.index_select(0, &Tensor::from_slice(&[a, b, (a + 1) % 3, (b + 1) % 3]));
        assert_eq!(views, expected);
        let unit = pairs(true).batch(0).unwrap().views;
        let norms = unit.norm_scalaropt_dim(2, [1i64].as_slice(), false);
        assert!(norms.allclose(&Tensor::ones([4], (Kind::Float, Device::Cpu)), 1e-6, 1e-6, false));
    }

    #[test]
    fn dropout_leaves_the_mean_and_follows_from_seed_and_step() {
        let rows = Tensor::ones([50, 40], (Kind::Float, Device::Cpu));
        let alone = Neighbourhood::new((0..50).map(|_| vec![]));
        let mut pairs = Pairs::new(rows, alone, (50, 3), false, Device::Cpu).unwrap();
        let mut views = |step, dropout| pairs.dropped(step, dropout).unwrap().views;
        let some = views(1, 0.2);
        assert_eq!(some, views(1, 0.2));
        assert_ne!(some, views(2, 0.2));
        let zeros = f64::try_from(some.eq(0.0).to_kind(Kind::Double).mean(Kind::Double)).unwrap();
        assert!((zeros - 0.2).abs() < 0.03, "{zeros}");
        assert_eq!(f64::try_from(some.max()).unwrap(), 1.25);
        assert_eq!(f64::try_from(views(1, 0.0).min()).unwrap(), 1.0);
    }

    #[test]
    fn neighbours_of_other_rows_are_refused() {
        let rows = Tensor::zeros([3, 2], (Kind::Float, Device::Cpu));
        let few = Neighbourhood::new([vec![1], vec![0]]);
        assert!(Pairs::new(rows, few, (2, 0), true, Device::Cpu).is_err());
    }
}
