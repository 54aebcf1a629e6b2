//! The projection head: features to logits, with the norm before the softmax.

use tch::{Kind, Tensor};

use crate::layers::{BatchNorm, Linear};
use crate::{Activation, Builder, Graph, HeadConfig, Mode, NnError, Value};

/// Linear, norm, activation, twice; then a linear map to `K` classes and a batch norm without scale and shift.
///
/// That last norm is what keeps TWIST from collapsing: it fixes the spread of each class over the batch at 1, so no
/// class can win or lose everywhere. Names follow the released checkpoints (numbers count their `Sequential`).
#[derive(Debug)]
pub struct ProjectionHead {
    hidden: [(Linear, BatchNorm); 2],
    last_linear: Linear,
    norm: Option<BatchNorm>,
    activation: Activation,
    bunch: Option<i64>,
    feature_dim: i64,
}

impl ProjectionHead {
    /// From features `[_, feature_dim]` to the `dim` classes of `config`.
    ///
    /// # Errors
    /// The device has no room.
    pub fn new(b: &mut Builder<'_>, feature_dim: i64, config: &HeadConfig) -> Result<Self, NnError> {
        let (hidden_dim, dim) = (config.hidden_dim, config.dim);
        let linear = |b: &mut Builder<'_>, inputs: i64, outputs: i64| {
            let make = if config.small_normal { Linear::small_normal } else { Linear::new };
            make(b, inputs, outputs)
        };
        let mut layer = |number: i64, inputs: i64| -> Result<(Linear, BatchNorm), NnError> {
            let linear = linear(&mut b.sub(format_args!("projection_head.{number}")), inputs, hidden_dim)?;
            let norm =
                BatchNorm::new(&mut b.sub(format_args!("projection_head.{}", number + 1)), hidden_dim)?;
            Ok((linear, norm))
        };
        let hidden = [layer(0, feature_dim)?, layer(4, hidden_dim)?];
        let last_linear = linear(&mut b.sub("last_linear"), hidden_dim, dim)?;
        let norm = if config.norm { Some(BatchNorm::affine_free(&mut b.sub("norm"), dim)?) } else { None };
        let (activation, bunch) = (config.activation, config.bunch);
        Ok(Self { hidden, last_linear, norm, activation, bunch, feature_dim })
    }

    /// Logits `[V*B, K]` after the norm, in float32 or wider, of features `[V*B, D]`, view-major.
    ///
    /// Every norm here mixes all views. With `bunch` images or fewer the last one takes the whole batch, else bunches
    /// of consecutive images, each with all of its views (ghost statistics), as the released code does across GPUs.
    ///
    /// # Errors
    /// The features do not fit; the batch is larger than a bunch and no multiple of it.
    pub fn forward(&self, features: &Tensor, views: i64, mode: Mode) -> Result<Tensor, NnError> {
        let shape = features.size();
        if shape.len() != 2 || shape[1] != self.feature_dim {
            return Err(NnError::Shape { what: "features", expected: "[V*B, D]", got: shape });
        }
        if views < 1 || shape[0] % views != 0 {
            return Err(NnError::Indivisible { what: "views", rows: shape[0], parts: views });
        }
        let mut x = features.shallow_clone();
        for (linear, norm) in &self.hidden {
            x = linear.forward(&x)?;
            x = match self.activation {
                Activation::Relu => norm.forward_relu(&x, mode)?,
                Activation::Gelu => norm.forward(&x, mode)?.f_gelu("none")?,
            };
        }
        let x = self.last_linear.forward(&x)?;
        // The softmax exponentiates what comes out of the norm: eight bits of mantissa are too few from here on.
        let x =
            if matches!(x.f_kind()?, Kind::BFloat16 | Kind::Half) { x.f_to_kind(Kind::Float)? } else { x };
        match (&self.norm, self.bunch) {
            (Some(norm), Some(bunch)) => norm.forward_bunched(&x, views, bunch, mode),
            (Some(norm), None) => norm.forward(&x, mode),
            (None, _) => Ok(x),
        }
    }

    /// Logits `[B, K]` of features `[B, D]` by the running statistics, in a graph.
    ///
    /// # Errors
    /// libtorch's own.
    pub fn record(&self, graph: &mut Graph, features: &Value) -> Result<Value, NnError> {
        let mut x = features.clone();
        for (linear, norm) in &self.hidden {
            x = linear.record(graph, &x);
            x = norm.record(graph, &x)?;
            x = match self.activation {
                Activation::Relu => graph.each("Relu", &x),
                Activation::Gelu => graph.gelu(&x)?,
            };
        }
        let x = self.last_linear.record(graph, &x);
        self.norm.as_ref().map_or(Ok(x.clone()), |norm| norm.record(graph, &x))
    }
}
