//! Arithmetic that the losses share: logits by view, logarithms with an epsilon, entropies with their derivative, the
//! softmax backwards.

use tch::{Kind, TchError, Tensor};

use crate::NnError;

/// Logits `[V*B, K]` as `[V, B, K]` in float32, or float64 when they are.
pub(super) fn by_view(logits: &Tensor, views: i64) -> Result<Tensor, NnError> {
    let shape = logits.size();
    if shape.len() != 2 || views < 1 || shape[0] % views != 0 || shape[0] == 0 {
        return Err(NnError::Shape { what: "logits of all views", expected: "[V*B, K]", got: shape });
    }
    let wide = if logits.f_kind()? == Kind::Double {
        logits.shallow_clone()
    } else {
        logits.f_to_kind(Kind::Float)?
    };
    Ok(wide.f_reshape([views, shape[0] / views, shape[1]])?)
}

/// Softmax over classes of `logits / temperature`.
pub(super) fn soften(logits: &Tensor, temperature: f64) -> Result<Tensor, TchError> {
    if temperature == 1.0 {
        return logits.f_softmax(-1, None);
    }
    logits.f_div_scalar(temperature)?.f_softmax(-1, None)
}

/// `log(p + ε)`.
pub(super) fn log(p: &Tensor, eps: f64) -> Result<Tensor, TchError> {
    p.f_add_scalar(eps)?.f_log()
}

/// The derivative of `Σ weight p log(p + ε)` by `p`, from `p` and `log(p + ε)`.
fn slope(p: &Tensor, log: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor, TchError> {
    log.f_mul(weight)?.f_add_(&p.f_mul(weight)?.f_div_(&p.f_add_scalar(eps)?)?)
}

/// The two entropies of predictions `[V, B, K]`, each a weighted mean over views.
pub(super) struct Entropies {
    /// `Σ_v w_v mean_i -Σ_k Q log(Q + ε)`: EH in the released code.
    pub(super) sharpness: Tensor,
    /// `Σ_v w_v -Σ_k M log(M + ε)`, `M = mean_i Q`: HE in the released code.
    pub(super) diversity: Tensor,
    /// `∂/∂Q [V, B, K]` of `sharpen * sharpness - spread * diversity`.
    pub(super) slope: Tensor,
}

/// Both entropies of `q` `[V, B, K]` with the weights `[V, 1, 1]` of the views, which sum to 1.
pub(super) fn entropies(
    q: &Tensor,
    log_q: &Tensor,
    weights: &Tensor,
    sharpen: f64,
    spread: f64,
    eps: f64,
) -> Result<Entropies, TchError> {
    let images = q.size()[1] as f64;
    let weighted =
        |sums: Tensor, weight: f64| sums.f_mul(&weights.f_flatten(0, -1)?)?.f_sum(None)?.f_mul_scalar(weight);
    let sharpness =
        weighted(q.f_mul(log_q)?.f_sum_dim_intlist([1i64, 2].as_slice(), false, None)?, -1.0 / images)?;
    let mean = q.f_mean_dim(1i64, true, None)?;
    let log_mean = log(&mean, eps)?;
    let diversity =
        weighted(mean.f_mul(&log_mean)?.f_sum_dim_intlist([1i64, 2].as_slice(), false, None)?, -1.0)?;
    let of_each = weights.f_mul_scalar(-sharpen / images)?;
    let of_mean = weights.f_mul_scalar(spread)?;
    let slope = slope(q, log_q, &of_each, eps)?
        .f_add_(&slope(&mean, &log_mean, &of_mean, eps)?.f_div_scalar_(images)?)?;
    Ok(Entropies { sharpness, diversity, slope })
}

/// From the derivative `g` by a softmax's output `p` to that by its input: `p (g - Σ_k p g)`.
pub(super) fn through_softmax(p: &Tensor, g: &Tensor) -> Result<Tensor, TchError> {
    Tensor::f_internal_softmax_backward_data(g, p, -1, p.f_kind()?)
}
