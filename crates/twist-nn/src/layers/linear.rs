//! A linear map.

use tch::Tensor;
use torch_ext::{Gelu, linear, linear_gelu, linear_onto};

use crate::graph::Attribute;
use crate::{Builder, Graph, Init, NnError, Value};

/// `y = x Wᵀ + b`, `W` of shape `[out, in]`.
#[derive(Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    /// With PyTorch's default initialisation.
    ///
    /// # Errors
    /// The device has no room.
    pub fn new(b: &mut Builder<'_>, inputs: i64, outputs: i64) -> Result<Self, NnError> {
        let weight = b.parameter("weight", &[outputs, inputs], Init::linear(inputs))?;
        let bias = b.parameter("bias", &[outputs], Init::linear(inputs))?;
        Ok(Self { weight, bias })
    }

    /// As transformers start: weights normal with standard deviation 0.02, bias 0.
    ///
    /// The released code truncates at ±2, a hundred standard deviations away: no number is ever cut.
    ///
    /// # Errors
    /// The device has no room.
    pub fn small_normal(b: &mut Builder<'_>, inputs: i64, outputs: i64) -> Result<Self, NnError> {
        let weight = b.parameter("weight", &[outputs, inputs], Init::TRANSFORMER)?;
        let bias = b.parameter("bias", &[outputs], Init::Const(0.0))?;
        Ok(Self { weight, bias })
    }

    /// As [`Linear::forward`], with the bias multiplied by a constant `[out]`.
    ///
    /// # Errors
    /// As [`Linear::forward`].
    pub(crate) fn forward_masked(&self, x: &Tensor, mask: &Tensor) -> Result<Tensor, NnError> {
        Ok(linear(x, &self.weight, Some(&self.bias.f_mul(mask)?))?)
    }

    /// [`Linear::forward_rows`] with the bias multiplied by a constant `[out]`.
    ///
    /// # Errors
    /// As [`Linear::forward_rows`].
    pub(crate) fn forward_rows_masked(
        &self,
        x: &Tensor,
        mask: &Tensor,
        first: i64,
        count: i64,
    ) -> Result<Tensor, NnError> {
        let bias = self.bias.f_mul(mask)?.f_narrow(0, first, count)?;
        Ok(linear(x, &self.weight.f_narrow(0, first, count)?, Some(&bias))?)
    }

    /// `gelu` of what [`Linear::forward`] gives.
    ///
    /// # Errors
    /// As [`Linear::forward`].
    pub(crate) fn forward_gelu(&self, x: &Tensor, gelu: Gelu) -> Result<Tensor, NnError> {
        Ok(linear_gelu(x, &self.weight, Some(&self.bias), gelu)?)
    }

    /// `to` `[…, out]` and, added to it, what [`Linear::forward`] gives, times `scale` `[out]` if there is one.
    ///
    /// # Errors
    /// As [`Linear::forward`].
    pub(crate) fn forward_onto(
        &self,
        to: &Tensor,
        x: &Tensor,
        scale: Option<&Tensor>,
    ) -> Result<Tensor, NnError> {
        Ok(linear_onto(to, x, &self.weight, &self.bias, scale)?)
    }

    /// Only the outputs from `first` on, so many of them.
    ///
    /// # Errors
    /// As [`Linear::forward`]; there are fewer outputs.
    pub(crate) fn forward_rows(&self, x: &Tensor, first: i64, count: i64) -> Result<Tensor, NnError> {
        let bias = self.bias.f_narrow(0, first, count)?;
        Ok(linear(x, &self.weight.f_narrow(0, first, count)?, Some(&bias))?)
    }

    /// [`Linear::forward`] in a graph.
    pub fn record(&self, graph: &mut Graph, x: &Value) -> Value {
        recorded(graph, x, &self.weight, Some(&self.bias))
    }

    /// [`Linear::forward_masked`] in a graph.
    pub(crate) fn record_masked(
        &self,
        graph: &mut Graph,
        x: &Value,
        mask: &Tensor,
    ) -> Result<Value, NnError> {
        Ok(recorded(graph, x, &self.weight, Some(&self.bias.f_mul(mask)?)))
    }

    /// [`Linear::forward_rows`] in a graph.
    pub(crate) fn record_rows(
        &self,
        graph: &mut Graph,
        x: &Value,
        first: i64,
        count: i64,
    ) -> Result<Value, NnError> {
        let bias = self.bias.f_narrow(0, first, count)?;
        Ok(recorded(graph, x, &self.weight.f_narrow(0, first, count)?, Some(&bias)))
    }

    /// `[…, in]` to `[…, out]`.
    ///
    /// # Errors
    /// Shapes or kinds that do not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, NnError> {
        Ok(linear(x, &self.weight, Some(&self.bias))?)
    }
}

/// `x Wᵀ + b` in a graph.
pub(crate) fn recorded(graph: &mut Graph, x: &Value, weight: &Tensor, bias: Option<&Tensor>) -> Value {
    let outputs = weight.size()[0];
    let weight = graph.constant(weight);
    let turned = graph.node("Transpose", &[&weight], &[("perm", Attribute::Ints(vec![1, 0]))], vec![]);
    let mut shape = x.shape.clone();
    if let Some(last) = shape.last_mut() {
        *last = outputs;
    }
    let product = graph.node("MatMul", &[&x.name, &turned.name], &[], shape);
    let Some(bias) = bias else { return product };
    let bias = graph.constant(bias);
    graph.with("Add", &product, &bias)
}
