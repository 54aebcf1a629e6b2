//! From the tokens of the last block to the feature of an image.

use tch::Tensor;
use torch_ext::linear;

use super::attention::mixed;
use super::mlp::Mlp;
use super::{Facts, VitArch, VitFeature};
use crate::graph::Attribute;
use crate::layers::{LayerNorm, Linear, recorded};
use crate::{Builder, Graph, Init, NnError, Value};

/// The last part of a network.
#[derive(Debug)]
pub(super) enum Pool {
    /// The class token after the norm, and after a projection without a bias where there is one.
    Class(LayerNorm, Option<Tensor>),
    /// The norm of the mean of all patches, which lie behind so many other tokens.
    Mean(LayerNorm, i64),
    /// Attention of one learned query to all tokens after the norm.
    Attention(LayerNorm, Box<AttentionPool>),
}

impl Pool {
    pub(super) fn new(b: &mut Builder<'_>, arch: &VitArch, facts: &Facts) -> Result<Self, NnError> {
        let dim = arch.size.dim;
        let norm = |b: &mut Builder<'_>, name: &str| LayerNorm::new(&mut b.sub(name), dim, facts.eps);
        Ok(match arch.feature {
            VitFeature::ClassToken => Self::Class(norm(b, "norm")?, None),
            VitFeature::Projected => {
                let (norm, shape) = (norm(b, "norm")?, [(facts.projected)(&arch.size), dim]);
                Self::Class(norm, Some(b.sub("projection").parameter("weight", &shape, Init::linear(dim))?))
            }
            VitFeature::MeanOfPatches => Self::Mean(norm(b, "fc_norm")?, arch.prefix()),
            VitFeature::Attended => {
                let norm = norm(b, "norm")?;
                Self::Attention(norm, Box::new(AttentionPool::new(&mut b.sub("attn_pool"), arch, facts)?))
            }
        })
    }

    /// Tokens `[B, N, D]` to features `[B, D']`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor, NnError> {
        Ok(match self {
            // The norm works on each token for itself, so the others need none.
            Self::Class(norm, None) => norm.forward(&x.f_select(1, 0)?)?,
            Self::Class(norm, Some(weight)) => linear(&norm.forward(&x.f_select(1, 0)?)?, weight, None)?,
            Self::Mean(norm, prefix) => {
                let patches = x.f_narrow(1, *prefix, x.size()[1] - prefix)?;
                norm.forward(&patches.f_mean_dim([1i64].as_slice(), false, x.f_kind()?)?)?
            }
            Self::Attention(norm, pool) => pool.forward(&norm.forward(x)?)?,
        })
    }

    /// [`Pool::forward`] in a graph.
    pub(super) fn record(&self, graph: &mut Graph, x: &Value) -> Result<Value, NnError> {
        Ok(match self {
            Self::Class(norm, projection) => {
                let class = graph.select(x, 1, 0)?;
                let class = norm.record(graph, &class);
                projection.as_ref().map_or(class.clone(), |weight| recorded(graph, &class, weight, None))
            }
            Self::Mean(norm, prefix) => {
                let patches = graph.slice(x, 1, *prefix, x.shape[0] - prefix, 1)?;
                let axes = graph.numbers(&[1])?;
                let kept = [("keepdims", Attribute::Int(0))];
                let mean = graph.node("ReduceMean", &[&patches.name, &axes], &kept, vec![x.shape[1]]);
                norm.record(graph, &mean)
            }
            Self::Attention(norm, pool) => {
                let normed = norm.record(graph, x);
                pool.record(graph, &normed)?
            }
        })
    }

    /// How many of the first tokens this sees; `None` for all.
    pub(super) fn seen(&self) -> Option<i64> {
        match self {
            Self::Class(..) => Some(1),
            Self::Mean(..) | Self::Attention(..) => None,
        }
    }

    /// The class token `[B, D]` after the norm.
    ///
    /// # Errors
    /// [`NnError::NoClassTokens`] where features do not come from one.
    pub(super) fn class_token(&self, x: &Tensor) -> Result<Tensor, NnError> {
        match self {
            Self::Class(norm, _) => Ok(norm.forward(x)?.f_select(1, 0)?),
            Self::Mean(..) | Self::Attention(..) => Err(NnError::NoClassTokens),
        }
    }
}

/// One learned query that attends to all tokens, and a perceptron (`MAPHead` of big_vision).
#[derive(Debug)]
pub(super) struct AttentionPool {
    latent: Tensor,
    qkv: Linear,
    proj: Linear,
    norm: LayerNorm,
    mlp: Mlp,
    heads: i64,
}

impl AttentionPool {
    fn new(b: &mut Builder<'_>, arch: &VitArch, facts: &Facts) -> Result<Self, NnError> {
        let (dim, heads) = (arch.size.dim, arch.size.heads);
        Ok(Self {
            latent: b.parameter("latent", &[1, 1, dim], Init::TRANSFORMER)?,
            qkv: Linear::small_normal(&mut b.sub("qkv"), dim, 3 * dim)?,
            proj: Linear::small_normal(&mut b.sub("proj"), dim, dim)?,
            norm: LayerNorm::new(&mut b.sub("norm"), dim, facts.eps)?,
            mlp: Mlp::new(&mut b.sub("mlp"), &arch.size, facts.gelu)?,
            heads,
        })
    }

    /// `[B, N, D]` to `[B, D]`.
    fn forward(&self, x: &Tensor) -> Result<Tensor, NnError> {
        let (batch, tokens, dim) = x.size3()?;
        let split = |x: Tensor, tokens: i64| {
            x.f_reshape([batch, tokens, self.heads, dim / self.heads])?.f_transpose(1, 2)
        };
        let queries = self.qkv.forward_rows(&self.latent, 0, dim)?.f_expand([batch, 1, dim], false)?;
        let keys = self.qkv.forward_rows(x, dim, dim)?;
        let values = self.qkv.forward_rows(x, 2 * dim, dim)?;
        let mixed = mixed(&split(queries, 1)?, &split(keys, tokens)?, &split(values, tokens)?)?;
        let x = self.proj.forward(&mixed.f_transpose(1, 2)?.f_reshape([batch, dim])?)?;
        self.mlp.last().forward_onto(&x, &self.mlp.hidden(&self.norm.forward(&x)?)?, None)
    }

    fn record(&self, graph: &mut Graph, x: &Value) -> Result<Value, NnError> {
        let (tokens, dim) = (x.shape[0], x.shape[1]);
        let split = |graph: &mut Graph, x: &Value, tokens: i64| {
            let heads = graph.reshape(x, &[tokens, self.heads, dim / self.heads])?;
            Ok::<_, NnError>(graph.transpose(&heads, &[0, 2, 1, 3]))
        };
        let latent = graph.for_each(&self.latent, x)?;
        let queries = self.qkv.record_rows(graph, &latent, 0, dim)?;
        let keys = self.qkv.record_rows(graph, x, dim, dim)?;
        let values = self.qkv.record_rows(graph, x, 2 * dim, dim)?;
        let queries = split(graph, &queries, 1)?;
        let (keys, values) = (split(graph, &keys, tokens)?, split(graph, &values, tokens)?);
        let mixed = graph.attention(&queries, &keys, &values)?;
        let mixed = graph.transpose(&mixed, &[0, 2, 1, 3]);
        let mixed = graph.reshape(&mixed, &[dim])?;
        let x = self.proj.record(graph, &mixed);
        let normed = self.norm.record(graph, &x);
        let more = self.mlp.record(graph, &normed)?;
        Ok(graph.with("Add", &x, &more.name))
    }
}
