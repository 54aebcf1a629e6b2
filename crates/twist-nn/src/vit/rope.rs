//! Rotary positions of patches in two directions, as DINOv3 has them (arXiv:2508.10104).

use tch::{Kind, Tensor};

use crate::{Builder, Graph, NnError, Value};

/// The base of the periods.
pub(super) const BASE: f64 = 100.0;

/// The periods of the rotations, one for each fourth of a head's channels: `100^(4 i / D)`, from their number.
pub(super) fn periods(shape: &[usize]) -> Vec<f32> {
    let count: usize = shape.iter().product();
    (0..count).map(|index| (BASE as f32).powf((2 * index) as f32 / (2 * count) as f32)).collect()
}

/// Rotates the channels of queries and keys by angles that grow with the position of their patch. Positions are the
/// centres of patches, in [-1, 1] in both directions; whatever the size of the image.
#[derive(Debug)]
pub(super) struct Rope {
    /// `[D / 4]`.
    periods: Tensor,
}

/// The rotations of one grid, each `[P, D]` of a head's channels.
#[derive(Debug)]
pub(super) struct Rotation {
    sin: Tensor,
    cos: Tensor,
}

impl Rope {
    /// For heads of `channels`, a multiple of 4.
    pub(super) fn new(b: &mut Builder<'_>, channels: i64) -> Result<Self, NnError> {
        let periods = periods(&[(channels / 4) as usize]);
        Ok(Self { periods: b.constant("periods", &periods)? })
    }

    /// The rotations of a square grid of `side` × `side` patches.
    pub(super) fn of(&self, side: i64) -> Result<Rotation, NnError> {
        let options = (Kind::Float, self.periods.device());
        let line = Tensor::f_arange_start(0.5, side as f64, options)?.f_div_scalar(side as f64)?;
        let line = line.f_mul_scalar(2.0)?.f_sub_scalar(1.0)?;
        let rows = line.f_unsqueeze(1)?.f_expand([side, side], false)?;
        let columns = line.f_unsqueeze(0)?.f_expand([side, side], false)?;
        let places = Tensor::f_stack(&[rows, columns], -1)?.f_reshape([side * side, 2, 1])?;
        let angles =
            places.f_mul_scalar(std::f64::consts::TAU)?.f_div(&self.periods.f_to_kind(Kind::Float)?)?;
        let angles = angles.f_flatten(1, 2)?.f_tile([2])?;
        Ok(Rotation { sin: angles.f_sin()?, cos: angles.f_cos()? })
    }
}

impl Rotation {
    /// Queries or keys `[B, heads, N, D]`, the last of which are the patches; in float32, whatever their kind.
    pub(super) fn apply(&self, x: &Tensor) -> Result<Tensor, NnError> {
        let (tokens, patches) = (x.size()[2], self.sin.size()[0]);
        let prefix = x.f_narrow(2, 0, tokens - patches)?;
        let turned = x.f_narrow(2, tokens - patches, patches)?.f_to_kind(Kind::Float)?;
        let halves = turned.f_chunk(2, -1)?;
        let across = Tensor::f_cat(&[&halves[1].f_neg()?, &halves[0]], -1)?;
        let turned = turned.f_mul(&self.cos)?.f_add(&across.f_mul(&self.sin)?)?;
        Ok(Tensor::f_cat(&[prefix, turned.f_to_kind(x.f_kind()?)?], 2)?)
    }

    pub(super) fn record(&self, graph: &mut Graph, x: &Value) -> Result<Value, NnError> {
        let (tokens, patches, half) = (x.shape[1], self.sin.size()[0], x.shape[2] / 2);
        let prefix = graph.slice(x, 2, 0, tokens - patches, 1)?;
        let turned = graph.slice(x, 2, tokens - patches, patches, 1)?;
        let (first, second) = (graph.slice(&turned, 3, 0, half, 1)?, graph.slice(&turned, 3, half, half, 1)?);
        let negative = graph.each("Neg", &second);
        let across = graph.cat(&[&negative, &first], 3);
        let (sin, cos) = (graph.constant(&self.sin), graph.constant(&self.cos));
        let (turned, across) = (graph.with("Mul", &turned, &cos), graph.with("Mul", &across, &sin));
        let turned = graph.with("Add", &turned, &across.name);
        Ok(graph.cat(&[&prefix, &turned], 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_rise_from_one_towards_the_base() {
        let periods = periods(&[16]);
        assert_eq!((periods[0], periods[8]), (1.0, 10.0));
        assert!(periods.windows(2).all(|pair| pair[0] < pair[1]) && periods[15] < 100.0);
    }
}
