//! Self-labelling: the images that the network is surest about teach their other views (as in SCAN, arXiv:2005.12320).
//!
//! Of an image's two global views the more confident one is its *anchor*; the anchor's class is the label. An
//! image is confident if the probability of its anchor's class is greater than the threshold. The threshold is the `⌊q B⌋`-th
//! largest of these probabilities, counted from 0. Ties are left out. The loss is the cross entropy of the other global view and of every local one
//! against the label, averaged over confident images and over these `V - 1` views. Classes are not balanced.

use tch::Tensor;

use super::arithmetic::by_view;
use crate::NnError;

/// How images are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SelfLabelLoss {
    /// About which part of the images is confident, in [0, 1).
    pub quantile: f64,
    /// Images that have a threshold of their own, as each rank of the released code has; `None`: all of the batch.
    pub group: Option<i64>,
}

/// The loss and who took part in it, 0-d tensors on the device of the logits.
#[derive(Debug)]
pub struct SelfLabelTerms {
    /// The masked cross entropy; 0 when nobody is confident.
    pub loss: Tensor,
    /// Share of the images that are confident.
    pub confident: Tensor,
    /// The threshold, the mean over groups.
    pub threshold: Tensor,
}

impl SelfLabelLoss {
    /// The loss of the logits `raw` `[V*B, K]` of `views` views, view-major, the global ones first, with its gradient
    /// `[V*B, K]` in the kind of the logits. `anchors` are the logits `[2B, K]` of the global views that decide who is
    /// confident of what: the network's own, or a teacher's.
    ///
    /// # Errors
    /// The logits are not 2-D or not of the same images; the group does not divide them; a quantile out of range.
    pub fn with_gradient(
        &self,
        raw: &Tensor,
        anchors: &Tensor,
        views: i64,
    ) -> Result<(SelfLabelTerms, Tensor), NnError> {
        let _no_grad = tch::no_grad_guard();
        let logits = by_view(raw, views)?;
        let (_, images, classes) = logits.size3()?;
        let certainty = by_view(anchors, 2)?.f_softmax(-1, None)?;
        if views < 2 || certainty.size() != [2, images, classes] {
            return Err(NnError::Shape {
                what: "the anchors' logits",
                expected: "[2B, K]",
                got: anchors.size(),
            });
        }
        let group = self.group.unwrap_or(images).min(images);
        if group < 1 || images % group != 0 {
            return Err(NnError::Indivisible { what: "self-labelling", rows: images, parts: group });
        }
        let rank = (self.quantile * group as f64) as i64;
        if !(0..group).contains(&rank) {
            return Err(NnError::Quantile { quantile: self.quantile });
        }

        // Anchors: confidence and class of the surer global view, [B].
        let (confidence, class) = certainty.f_max_dim(-1, false)?;
        let (confidence, surer) = confidence.f_max_dim(0, false)?;
        let label = class.f_gather(0, &surer.f_unsqueeze(0)?, false)?;

        // Confident images, in groups [G, b].
        let confidence = confidence.f_view([-1, group])?;
        let (sorted, _) = confidence.f_sort(-1, true)?;
        let threshold = sorted.f_narrow(1, rank, 1)?;
        let mask = confidence.f_gt_tensor(&threshold)?.f_to_kind(logits.f_kind()?)?;
        let per_group = mask.f_sum_dim_intlist(-1i64, true, None)?.f_clamp_min(1.0)?;
        let groups = (images / group) as f64;
        let weight = mask.f_div(&per_group)?.f_mul_scalar(1.0 / (groups * (views - 1) as f64))?;

        // Every view but the anchor learns the label: weights [V, B].
        let weights = weight.f_view([1, images])?.f_repeat([views, 1])?;
        let mut weights = weights.f_scatter_value(0, &surer.f_unsqueeze(0)?, 0.0)?.f_unsqueeze(-1)?;
        let log_p = logits.f_log_softmax(-1, None)?;
        let labels = label.f_unsqueeze(-1)?.f_expand([views, images, 1], false)?;
        let loss = log_p.f_gather(-1, &labels, false)?.f_mul(&weights)?.f_sum(None)?.f_neg()?;
        let mut gradient = log_p.f_exp()?.f_mul_(&weights)?;
        let gradient = gradient.f_scatter_add_(-1, &labels, &weights.f_neg_()?)?.f_flatten(0, 1)?;

        let terms =
            SelfLabelTerms { loss, confident: mask.f_mean(None)?, threshold: threshold.f_mean(None)? };
        Ok((terms, gradient.f_to_kind(raw.f_kind()?)?))
    }
}
