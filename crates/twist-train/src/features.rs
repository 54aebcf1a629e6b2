//! The backbone's part of a step: whole, in pieces, or with its activations computed a second time.
//!
//! Memory is saved in the *backbone*, never in the loss. A first pass takes the features of all views without gradient;
//! head and loss see the whole batch, so the diversity term and the head's norms are exactly those of the global batch;
//! backward stops at the features; a second pass takes each piece forward again, with gradient, and sends its share of
//! the features' gradient down. That costs one more forward. Accumulation saves the activations of all pieces but one;
//! checkpointing keeps what enters each segment of the backbone and holds the rest of one segment at a time. Both
//! together keep what enters the segments for one piece at a time, which costs a third forward.
//!
//! The batch norms *inside the backbone* see `norm_batch` images at a time, all views of one resolution, however the
//! batch is cut: with equal `norm_batch`, a whole batch, pieces, and checkpointed activations compute the same numbers
//! up to the order of sums. Both passes see the same images together and so the same statistics. Running statistics
//! change once for each resolution and step, in the pass with gradient. The update uses the mean and variance of all pieces
//! together. Synchronised norms on several GPUs give the same.

use tch::{Tensor, no_grad};
use torch_ext::{Autocast, RandomNumbers, grad};
use twist_io::splitmix;
use twist_nn::{Backbone, Mode, TwistNet};

use crate::{TrainError, TrainPlan};

/// The features of a batch and what is needed to send their gradient further down.
pub(crate) struct BatchFeatures {
    /// `[V*B, D]`: with the backbone's graph, or a leaf that collects its gradient.
    pub(crate) all: Tensor,
    /// What [`BatchFeatures::backward`] has to compute again; empty when there is a graph.
    recomputed: Vec<Piece>,
}

/// Images that pass through the backbone together, and where their features lie.
struct Piece {
    /// What enters each segment: the images `[V_r*b, 3, S, S]` alone, or everything when activations are checkpointed.
    inputs: Vec<Tensor>,
    /// Which of its resolution's pieces it is, for the pass whose statistics are kept.
    tracked: Mode,
    rows: ImageRange,
    drop_path: DropPathSeed,
}

/// The same `images` images of `views` views, beginning with `first`, out of `[…, batch]` in view-major order.
#[derive(Clone, Copy)]
struct ImageRange {
    /// Views of earlier resolutions.
    views_before: i64,
    views: i64,
    batch: i64,
    first: i64,
    images: i64,
}

impl BatchFeatures {
    /// Features of the views `images`, one tensor `[V_r*B, 3, S_r, S_r]` per resolution. Random numbers of the backbone
    /// follow from the plan's seed and `step`.
    ///
    /// # Errors
    /// libtorch's own.
    pub(crate) fn of(
        net: &TwistNet,
        plan: &TrainPlan,
        images: &[Tensor],
        step: u64,
    ) -> Result<Self, TrainError> {
        let backbone = net.backbone.as_ref();
        // The scope ends with this function, before the second pass: it keeps weights that were cast without a graph.
        let _autocast = Autocast::scope(plan.run.machine.device, plan.precision.kind())?;
        let pieces = pieces(plan, images, step, Network::Student)?;
        if plan.accumulation == 1 && !plan.checkpoint_activations() {
            let features = pieces.iter().map(|piece| piece.forward(backbone, piece.tracked));
            let features = features.collect::<Result<Vec<_>, _>>()?;
            return Ok(Self { all: in_view_order(&pieces, features)?, recomputed: Vec::new() });
        }
        no_grad(|| {
            let (mut recomputed, mut features) = (Vec::new(), Vec::new());
            for mut piece in pieces {
                features.push(if plan.checkpoint_activations() && plan.accumulation == 1 {
                    piece.forward_keeping_inputs(backbone)?
                } else {
                    piece.forward(backbone, Mode::TrainUntracked)?
                });
                recomputed.push(piece);
            }
            let all = in_view_order(&recomputed, features)?.f_detach()?.f_set_requires_grad(true)?;
            Ok(Self { all, recomputed })
        })
    }

    /// As [`BatchFeatures::of`] for a teacher, which nothing is sent back through: with random numbers of its own; its running
    /// statistics take the images in.
    ///
    /// # Errors
    /// libtorch's own.
    pub(crate) fn without_gradient(
        net: &TwistNet,
        plan: &TrainPlan,
        images: &[Tensor],
        step: u64,
    ) -> Result<Tensor, TrainError> {
        let _autocast = Autocast::scope(plan.run.machine.device, plan.precision.kind())?;
        let pieces = pieces(plan, images, step, Network::Teacher)?;
        let features = pieces.iter().map(|piece| piece.forward(net.backbone.as_ref(), piece.tracked));
        in_view_order(&pieces, features.collect::<Result<Vec<_>, _>>()?)
    }

    /// From the gradient of the features to those of the backbone, unless they have a graph that did it.
    ///
    /// # Errors
    /// libtorch's own.
    pub(crate) fn backward(self, net: &TwistNet, plan: &TrainPlan) -> Result<(), TrainError> {
        if self.recomputed.is_empty() {
            return Ok(());
        }
        let gradient = self.all.f_grad()?;
        for piece in self.recomputed {
            let share = piece.rows.of_features(&gradient)?;
            piece.backward(net.backbone.as_ref(), plan, share)?;
        }
        Ok(())
    }
}

impl Piece {
    fn forward(&self, backbone: &dyn Backbone, mode: Mode) -> Result<Tensor, TrainError> {
        let mut x = self.inputs[0].shallow_clone();
        for segment in 0..backbone.segments() {
            let _numbers = self.drop_path.apply(segment);
            x = backbone.segment(segment, &x, mode)?;
        }
        Ok(x)
    }

    /// As [`Piece::forward`], untracked, and remembers what enters each segment. Needs no gradient.
    fn forward_keeping_inputs(&mut self, backbone: &dyn Backbone) -> Result<Tensor, TrainError> {
        for segment in 0..backbone.segments() {
            let _numbers = self.drop_path.apply(segment);
            let x = backbone.segment(segment, &self.inputs[segment], Mode::TrainUntracked)?;
            self.inputs.push(x);
        }
        self.inputs.pop().ok_or_else(TrainError::no_views)
    }

    /// Takes the images forward again with gradient, and the gradient back; segment by segment, the last one first, when
    /// activations are checkpointed.
    fn backward(
        mut self,
        backbone: &dyn Backbone,
        plan: &TrainPlan,
        gradient: Tensor,
    ) -> Result<(), TrainError> {
        let (device, kind) = (plan.run.machine.device, plan.precision.kind());
        if !plan.checkpoint_activations() {
            let features = {
                let _autocast = Autocast::scope(device, kind)?;
                self.forward(backbone, self.tracked)?
            };
            return Ok(grad::backward(&features, &gradient)?);
        }
        if self.inputs.len() < backbone.segments() {
            let _autocast = Autocast::scope(device, kind)?;
            let _ = no_grad(|| self.forward_keeping_inputs(backbone))?;
        }
        let mut gradient = gradient;
        for (segment, input) in self.inputs.into_iter().enumerate().rev() {
            let input = input.f_detach()?.f_set_requires_grad(segment > 0)?;
            let output = {
                let _autocast = Autocast::scope(device, kind)?;
                let _numbers = self.drop_path.apply(segment);
                backbone.segment(segment, &input, self.tracked)?
            };
            grad::backward(&output, &gradient.f_to_kind(output.f_kind()?)?)?;
            if segment > 0 {
                gradient = input.f_grad()?;
            }
        }
        Ok(())
    }
}

/// Cuts the views into pieces of `norm_batch` images: all of the first resolution, then the next.
fn pieces(
    plan: &TrainPlan,
    images: &[Tensor],
    step: u64,
    network: Network,
) -> Result<Vec<Piece>, TrainError> {
    let (batch, together) = (plan.run.batch_size as i64, plan.norm_batch as i64);
    let mut pieces = Vec::new();
    let mut views_before = 0;
    for of_resolution in images {
        let views = of_resolution.size()[0] / batch;
        for (index, first) in (0..batch).step_by(together as usize).enumerate() {
            let tracked = Mode::TrainPiece { index, pieces: (batch / together) as usize };
            let rows = ImageRange { views_before, views, batch, first, images: together };
            let drop_path = DropPathSeed::new(plan, step, network, pieces.len() as u64);
            let inputs = vec![rows.of_resolution(of_resolution)?];
            pieces.push(Piece { inputs, tracked, rows, drop_path });
        }
        views_before += views;
    }
    Ok(pieces)
}

/// The features `[V*B, D]` of all pieces, view-major.
fn in_view_order(pieces: &[Piece], features: Vec<Tensor>) -> Result<Tensor, TrainError> {
    if let [whole] = &features[..] {
        return Ok(whole.shallow_clone());
    }
    let per_resolution = pieces.chunk_by(|a, b| a.rows.views_before == b.rows.views_before);
    let mut features = features.into_iter();
    let mut resolutions = Vec::new();
    for pieces in per_resolution {
        let by_view = pieces
            .iter()
            .zip(&mut features)
            .map(|(piece, features)| features.f_reshape([piece.rows.views, piece.rows.images, -1]));
        let by_view = by_view.collect::<Result<Vec<_>, _>>()?;
        resolutions.push(Tensor::f_cat(&by_view, 1)?.f_flatten(0, 1)?);
    }
    Ok(Tensor::f_cat(&resolutions, 0)?)
}

impl ImageRange {
    /// Out of one resolution's images `[V_r*B, …]`.
    fn of_resolution(self, whole: &Tensor) -> Result<Tensor, TrainError> {
        self.take(whole, 0)
    }

    /// Out of all features `[V*B, D]`.
    fn of_features(self, whole: &Tensor) -> Result<Tensor, TrainError> {
        self.take(whole, self.views_before)
    }

    fn take(self, whole: &Tensor, first_view: i64) -> Result<Tensor, TrainError> {
        if self.images == self.batch {
            return Ok(whole.f_narrow(0, first_view * self.batch, self.views * self.batch)?);
        }
        let of_view =
            |view: i64| whole.f_narrow(0, (first_view + view) * self.batch + self.first, self.images);
        let views = (0..self.views).map(of_view).collect::<Result<Vec<_>, _>>()?;
        Ok(Tensor::f_cat(&views, 0)?)
    }
}

/// Whose random numbers.
#[derive(Clone, Copy)]
enum Network {
    Student,
    Teacher,
}

/// The random numbers of stochastic depth, a function of seed, step, piece and segment: both passes draw the same, and a
/// resumed run draws what the uninterrupted one would have drawn.
#[derive(Clone, Copy)]
struct DropPathSeed {
    /// `None` for a backbone that draws nothing.
    seed: Option<u64>,
}

impl DropPathSeed {
    fn new(plan: &TrainPlan, step: u64, network: Network, piece: u64) -> Self {
        let draws = plan.net.backbone.options.drop_path > 0.0;
        Self {
            seed: draws.then(|| {
                [step, network as u64, piece]
                    .into_iter()
                    .fold(splitmix(plan.run.seed), |seed, part| splitmix(seed ^ part))
            }),
        }
    }

    /// The numbers that a segment draws while this is held.
    fn apply(self, segment: usize) -> Option<RandomNumbers> {
        self.seed.map(|seed| RandomNumbers::seeded(splitmix(seed ^ segment as u64) as i64))
    }
}
