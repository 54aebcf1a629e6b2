//! The configuration of a network, part by part.

use serde::{Deserialize, Serialize};

use crate::{Arch, NnError};

/// Most channels of a transformer, and of the stage of a ResNet that its width counts.
pub const MOST_CHANNELS: i64 = 1 << 16;

/// Most units of a layer of the head, and most classes: beyond, no machine has the memory.
pub const MOST_OUTPUTS: i64 = 1 << 20;

/// Channels of every published ResNet's first stage.
pub(crate) const PUBLISHED_WIDTH: i64 = 64;

/// Images to features: everything that decides the shape of a [`Backbone`](crate::Backbone), and how it is regularised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackboneConfig {
    /// Which one.
    pub arch: Arch,
    /// Channels of a ResNet's first stage, or of the last one of a ResNet for CIFAR: 64 as published, 128 for `w2`,
    /// fewer for small machines. Other architectures have the one width of their size.
    pub width: i64,
    /// Chance that the last block's branches are left out for an image of a training batch; earlier blocks' chances
    /// rise to it linearly from 0 (stochastic depth, arXiv:1603.09382). ResNets have none.
    pub drop_path: f64,
    /// Leaves the projection of patches at its random start, which steadies training (MoCo v3, arXiv:2104.02057).
    /// Transformers only.
    pub freeze_embedding: bool,
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

/// The non-linearity of the projection head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// `max(x, 0)`, for convolutional networks.
    #[default]
    Relu,
    /// `x Φ(x)`, for transformers.
    Gelu,
}

impl BackboneConfig {
    /// As published.
    pub fn new(arch: Arch) -> Self {
        Self { arch, width: PUBLISHED_WIDTH, drop_path: 0.0, freeze_embedding: false }
    }

    /// Checks the width.
    ///
    /// # Errors
    /// [`NnError::NotPositive`], [`NnError::TooLarge`], or [`NnError::Misfit`] for what this architecture does not have.
    pub fn check(&self) -> Result<(), NnError> {
        in_range("width", self.width, MOST_CHANNELS)?;
        self.arch.kind().check(self)
    }

    /// For architectures that have the one width of their size.
    pub(crate) fn refuse_width(&self) -> Result<(), NnError> {
        let rule = || format!("{} has a fixed width; omit it, or write 64", self.arch);
        match self.width {
            PUBLISHED_WIDTH => Ok(()),
            width => Err(NnError::Misfit { field: "width", value: width.to_string(), rule: rule() }),
        }
    }

    /// For architectures without stochastic depth.
    pub(crate) fn refuse_drop_path(&self) -> Result<(), NnError> {
        let rule = || format!("{} has no stochastic depth; omit it", self.arch);
        match self.drop_path {
            0.0 => Ok(()),
            chance => Err(NnError::Misfit { field: "drop_path", value: chance.to_string(), rule: rule() }),
        }
    }

    /// For architectures that are not transformers.
    pub(crate) fn refuse_freezing(&self) -> Result<(), NnError> {
        let rule = || format!("{} is not a transformer; omit it", self.arch);
        match self.freeze_embedding {
            true => Err(NnError::Misfit { field: "freeze_embedding", value: "true".into(), rule: rule() }),
            false => Ok(()),
        }
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
        self.backbone.width = width;
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
