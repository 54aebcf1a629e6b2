//! The configuration of a network, part by part.

use serde::{Deserialize, Serialize};

use crate::options::{BackboneOptions, MOST_CHANNELS, MOST_OUTPUTS};
use crate::{Activation, Arch, Backbone, Builder, NnError};

/// Images to features: everything that decides the shape of a [`Backbone`](crate::Backbone), and how it is regularised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackboneConfig {
    /// Which one.
    pub arch: Arch,
    /// What that leaves open.
    #[serde(flatten)]
    pub options: BackboneOptions,
}

/// Features to logits: everything that decides the shape of a [`ProjectionHead`](crate::ProjectionHead).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeadConfig {
    /// Units of the two hidden layers (`hid_dim` in the released code).
    pub hidden_dim: i64,
    /// Number of classes `K` (`dim` in the released code).
    pub dim: i64,
    /// The non-linearity.
    pub activation: Activation,
    /// Whether there is a norm before the softmax: only an ablation goes without.
    pub norm: bool,
    /// Images whose statistics that norm takes together; `None`: the whole batch.
    pub bunch: Option<i64>,
    /// Whether the linear maps start as a transformer's instead of with PyTorch's default.
    pub small_normal: bool,
}

/// Both parts of a [`TwistNet`](crate::TwistNet).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetConfig {
    /// Images to features.
    pub backbone: BackboneConfig,
    /// Features to logits.
    pub head: HeadConfig,
}

impl BackboneConfig {
    /// As published.
    pub fn new(arch: Arch) -> Self {
        Self { arch, options: BackboneOptions::default() }
    }

    /// The same with another width.
    #[must_use]
    pub fn with_width(mut self, width: i64) -> Self {
        self.options.width = width;
        self
    }

    /// Checks the width.
    ///
    /// # Errors
    /// [`NnError::NotPositive`], [`NnError::TooLarge`], or [`NnError::Misfit`] for what this architecture does not have.
    pub fn check(&self) -> Result<(), NnError> {
        in_range("width", self.options.width, MOST_CHANNELS)?;
        self.arch.kind().check(&self.options)
    }

    /// The backbone, its tensors under the builder's prefix.
    ///
    /// # Errors
    /// The device has no room.
    pub fn build(&self, b: &mut Builder<'_>) -> Result<Box<dyn Backbone>, NnError> {
        self.arch.kind().build(b, &self.options)
    }
}

impl Default for HeadConfig {
    /// The published sizes: hidden 4096, 4096 classes, bunches of 256 images.
    fn default() -> Self {
        Self {
            hidden_dim: 4096,
            dim: 4096,
            activation: Activation::Relu,
            norm: true,
            bunch: Some(256),
            small_normal: false,
        }
    }
}

impl HeadConfig {
    /// Checks every size for itself; what they make together is counted where tensors are made.
    ///
    /// # Errors
    /// [`NnError::NotPositive`] and [`NnError::TooLarge`] name the size that is out of range.
    pub fn check(&self) -> Result<(), NnError> {
        in_range("hidden_dim", self.hidden_dim, MOST_OUTPUTS)?;
        in_range("dim", self.dim, MOST_OUTPUTS)?;
        in_range("bunch", self.bunch.unwrap_or(1), i64::MAX)
    }
}

impl NetConfig {
    /// As published.
    pub fn new(arch: Arch) -> Self {
        Self { backbone: BackboneConfig::new(arch), head: HeadConfig::default() }
    }

    /// The same with a backbone of another width.
    #[must_use]
    pub fn with_width(mut self, width: i64) -> Self {
        self.backbone.options.width = width;
        self
    }

    /// The same with a head of other sizes.
    #[must_use]
    pub fn with_head(mut self, hidden_dim: i64, dim: i64) -> Self {
        (self.head.hidden_dim, self.head.dim) = (hidden_dim, dim);
        self
    }

    /// Checks both parts.
    ///
    /// # Errors
    /// As [`BackboneConfig::check`] and [`HeadConfig::check`].
    pub fn check(&self) -> Result<(), NnError> {
        self.backbone.check()?;
        self.head.check()
    }
}

fn in_range(field: &'static str, got: i64, most: i64) -> Result<(), NnError> {
    match got {
        ..1 => Err(NnError::NotPositive { field, got }),
        _ if got > most => Err(NnError::TooLarge { field, got, most }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_of_zero_is_named() {
        let config = NetConfig::new("vit_s".parse().unwrap()).with_head(0, 8);
        assert!(matches!(config.check(), Err(NnError::NotPositive { field: "hidden_dim", got: 0 })));
    }

    #[test]
    fn a_size_that_no_network_has_is_named() {
        let usual = NetConfig::new("resnet18".parse().unwrap());
        let cases = [
            ("width", usual.clone().with_width(1 << 54)),
            ("hidden_dim", usual.clone().with_head(i64::MAX, 8)),
            ("dim", usual.with_head(8, 1 << 62)),
        ];
        for (name, config) in cases {
            assert!(
                matches!(config.check(), Err(NnError::TooLarge { field, .. }) if field == name),
                "{name}"
            );
        }
    }
}
