//! What an architecture leaves open.

use serde::{Deserialize, Serialize};

use crate::{Architecture, NnError};

/// Most channels of a transformer, and of the stage of a ResNet that its width counts.
pub const MOST_CHANNELS: i64 = 1 << 16;

/// Most units of a layer of the head, and most classes: beyond, no machine has the memory.
pub const MOST_OUTPUTS: i64 = 1 << 20;

/// Channels of every published ResNet's first stage.
pub(crate) const PUBLISHED_WIDTH: i64 = 64;

/// What decides the shape of a backbone beside its architecture, and how it is regularised.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BackboneOptions {
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

impl Default for BackboneOptions {
    /// As published.
    fn default() -> Self {
        Self { width: PUBLISHED_WIDTH, drop_path: 0.0, freeze_embedding: false }
    }
}

impl BackboneOptions {
    /// For architectures that have the one width of their size.
    pub(crate) fn refuse_width(&self, arch: &dyn Architecture) -> Result<(), NnError> {
        let rule = || format!("{arch} has a fixed width; omit it, or write 64");
        match self.width {
            PUBLISHED_WIDTH => Ok(()),
            width => Err(NnError::Misfit { field: "width", value: width.to_string(), rule: rule() }),
        }
    }

    /// For architectures without stochastic depth.
    pub(crate) fn refuse_drop_path(&self, arch: &dyn Architecture) -> Result<(), NnError> {
        let rule = || format!("{arch} has no stochastic depth; omit it");
        match self.drop_path {
            0.0 => Ok(()),
            chance => Err(NnError::Misfit { field: "drop_path", value: chance.to_string(), rule: rule() }),
        }
    }

    /// For architectures that are not transformers.
    pub(crate) fn refuse_freezing(&self, arch: &dyn Architecture) -> Result<(), NnError> {
        let rule = || format!("{arch} is not a transformer; omit it");
        match self.freeze_embedding {
            true => Err(NnError::Misfit { field: "freeze_embedding", value: "true".into(), rule: rule() }),
            false => Ok(()),
        }
    }
}
