//! One split of a class, as the card of a model says it.

use serde::{Deserialize, Serialize};
use tch::Tensor;
use twist_nn::{Activation, HeadConfig};

/// What the tensors of the head of split number N begin with.
pub(super) fn prefix(number: usize) -> String {
    format!("splits.{number}")
}

/// A class that became several, and the head that divides it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplitCard {
    /// Its number; one of the children has it from then on.
    pub class: u32,
    /// The class that each output of the head stands for: `class`, and the numbers that follow those of the classes before.
    pub children: Vec<u32>,
    /// Units of the head's hidden layers.
    pub hidden_dim: i64,
    /// Its non-linearity.
    pub activation: Activation,
    /// Whether it ends in the norm before the softmax.
    pub norm: bool,
}

impl SplitCard {
    /// The numbers of `children` outputs where `classes` was the number of classes before: `class` first.
    pub fn numbers(class: u32, classes: i64, children: usize) -> Vec<u32> {
        let first = u32::try_from(classes).unwrap_or(u32::MAX);
        std::iter::once(class).chain((first..).take(children.saturating_sub(1))).collect()
    }

    /// The network to build.
    pub(super) fn config(&self) -> HeadConfig {
        let Self { hidden_dim, activation, norm, .. } = *self;
        let dim = self.children.len() as i64;
        HeadConfig { hidden_dim, dim, activation, norm, bunch: None, ..HeadConfig::default() }
    }

    /// Checks it for a model that has `classes` before the split.
    pub(super) fn check(&self, classes: i64) -> Result<(), String> {
        let mut sorted = self.children.clone();
        sorted.sort_unstable();
        if i64::from(self.class) >= classes || sorted.len() < 2 {
            return Err(format!("class {} cannot become {} of {classes} classes", self.class, sorted.len()));
        }
        if sorted != Self::numbers(self.class, classes, sorted.len()) {
            return Err(format!(
                "the parts of class {} of {classes} classes have the numbers {:?}",
                self.class, self.children
            ));
        }
        self.config().check().map_err(|error| error.to_string())
    }

    /// Probabilities `[B, K]` of the classes before the split → `[B, K + N − 1]`, where the head divides the class into `parts`
    /// `[B, N]`.
    pub(super) fn divide(&self, probabilities: &Tensor, parts: &Tensor) -> Result<Tensor, tch::TchError> {
        let (_, classes) = probabilities.size2()?;
        let class = i64::from(self.class);
        let parent = probabilities.f_narrow(1, class, 1)?;
        let places = Tensor::f_from_slice(&self.by_number())?.f_to_device(parts.device())?;
        let children = parent.f_mul(&parts.f_index_select(1, &places)?)?;
        let before = probabilities.f_narrow(1, 0, class)?;
        let after = probabilities.f_narrow(1, class + 1, classes - class - 1)?;
        let (own, new) = (children.f_narrow(1, 0, 1)?, children.f_narrow(1, 1, places.size()[0] - 1)?);
        Tensor::f_cat(&[before, own, after, new], 1)
    }

    /// The outputs of the head in the order of the children's numbers: that of `class` first, because the others follow all
    /// classes before.
    pub(crate) fn by_number(&self) -> Vec<i64> {
        let mut places: Vec<i64> = (0..self.children.len() as i64).collect();
        places.sort_by_key(|&place| self.children[place as usize]);
        places
    }
}
