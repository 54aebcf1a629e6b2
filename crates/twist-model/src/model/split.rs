//! Classes that became several after training.
//!
//! A split leaves the projection head as it is. A head of its own, behind it, says how the probability of one class is divided:
//! `P(child i | x) = P(class | x) · Q(i | x)`. So the other classes keep their probabilities bit for bit, and those of the children
//! add up to that of the class.
//!
//! Numbers stay: one of the children has that of the class, the others follow those of all classes before. A child can be split
//! again, so splits are an ordered list, and only the last one can be taken back.

use tch::Tensor;
use twist_io::StateDict;
use twist_nn::{MOST_OUTPUTS, ProjectionHead};

use super::split_card::{SplitCard, prefix};
use super::{HeadCard, Model};
use crate::ModelError;

/// What the tensors of the projection head begin with.
const HEAD: &str = "projection_heads.";
impl HeadCard {
    /// Number of classes: the outputs of the head, and what splits added.
    pub fn classes(&self) -> i64 {
        self.dim + self.splits.iter().map(|split| split.children.len() as i64 - 1).sum::<i64>()
    }

    /// Checks the head and every split of its classes.
    pub(super) fn check(&self) -> Result<(), String> {
        self.config().check().map_err(|error| error.to_string())?;
        let mut classes = self.dim;
        for split in &self.splits {
            split.check(classes)?;
            classes += split.children.len() as i64 - 1;
            if classes > MOST_OUTPUTS {
                return Err(format!("with its splits it has {classes} classes, at most {MOST_OUTPUTS}"));
            }
        }
        Ok(())
    }
}

impl Model {
    /// The splits of its classes, each with its head.
    pub(crate) fn splits(&self) -> impl Iterator<Item = (&SplitCard, &ProjectionHead)> {
        self.card.head.iter().flat_map(|head| &head.splits).zip(&self.splits)
    }

    /// What splits make of the probabilities `[B, K]` of the projection head's outputs, from features `[B, D]` as the heads take
    /// them.
    pub(super) fn divided(&self, mut probabilities: Tensor, features: &Tensor) -> Result<Tensor, ModelError> {
        for (card, head) in self.splits() {
            probabilities = card.divide(&probabilities, &super::softmax_of(head, features)?)?;
        }
        Ok(probabilities)
    }

    /// A model that is this one but for its card and these other tensors.
    fn changed(&self, change: impl FnOnce(&mut HeadCard, &mut StateDict)) -> Result<Self, ModelError> {
        self.head()?;
        let (mut card, mut state) = (self.card.clone(), self.store.state_dict()?);
        if let Some(head) = &mut card.head {
            change(head, &mut state);
        }
        let made = Self::new(card, self.store.device(), 0)?;
        made.store.load(&state)?;
        Ok(made)
    }

    /// The same model with one more split, whose head's tensors are `head` (`projection_heads.*`).
    ///
    /// # Errors
    /// The model has no head; a split that cannot be; tensors of other sizes.
    pub fn with_split(&self, split: SplitCard, mut head: StateDict) -> Result<Self, ModelError> {
        self.changed(|card, state| {
            let number = card.splits.len();
            card.splits.push(split);
            state.extend_prefixed(&format!("{}.", prefix(number)), head.split_prefix(HEAD));
        })
    }

    /// The model before its last split, and what that was; `None` where no class was split.
    ///
    /// # Errors
    /// The model has no head; the device has no room.
    pub fn without_last_split(&self) -> Result<Option<(Self, SplitCard)>, ModelError> {
        let Some(last) = self.card.head.as_ref().and_then(|head| head.splits.last()).cloned() else {
            return Ok(None);
        };
        let before = self.changed(|card, state| {
            card.splits.pop();
            state.split_prefix(&format!("{}.", prefix(card.splits.len())));
        })?;
        Ok(Some((before, last)))
    }

    /// This model with the splits of `other`, whose projection head must be the same; `None` where it is another one.
    ///
    /// # Errors
    /// As [`Model::with_split`].
    pub fn with_splits_of(&self, other: &Self) -> Result<Option<Self>, ModelError> {
        let tensors = |model: &Self| -> Result<StateDict, ModelError> {
            Ok(model.store.state_dict()?.split_prefix(HEAD))
        };
        if tensors(self)? != tensors(other)? || self.card.feature_scaling != other.card.feature_scaling {
            return Ok(None);
        }
        let splits = other.card.head.iter().flat_map(|head| &head.splits).cloned();
        let mut theirs = other.store.state_dict()?;
        Ok(Some(self.changed(|card, state| {
            card.splits = splits.collect();
            for number in 0..card.splits.len() {
                let prefix = format!("{}.", prefix(number));
                state.extend_prefixed(&prefix, theirs.split_prefix(&prefix));
            }
        })?))
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use twist_nn::Activation;

    use super::*;
    use crate::export::tests::model;

    fn card(class: u32, children: &[u32]) -> SplitCard {
        SplitCard {
            class,
            children: children.to_vec(),
            hidden_dim: 4,
            activation: Activation::Relu,
            norm: true,
        }
    }

    /// The tensors of a head for this split of features of the width of `model`.
    fn head(of: &Model, split: &SplitCard, seed: u64) -> StateDict {
        let mut store = twist_nn::Store::new(Device::Cpu, seed);
        let mut builder = store.builder("projection_heads");
        ProjectionHead::new(&mut builder, of.card.feature_dim, &split.config()).unwrap();
        store.state_dict().unwrap()
    }

    fn values(tensor: &Tensor, column: i64) -> Vec<f32> {
        Vec::try_from(tensor.select(1, column).contiguous()).unwrap()
    }

    #[test]
    fn children_add_up_and_the_others_keep_every_bit() {
        let before = model("resnet18_cifar", 32);
        let _numbers = torch_ext::RandomNumbers::seeded(3);
        let features = Tensor::randn([9, before.card.feature_dim], (Kind::Float, Device::Cpu));
        let old = before.head_probabilities(&features).unwrap();
        // Class 2 becomes 6, 2 and 5 in the order of the outputs; then its child 6 becomes 6 and 7.
        let first = card(2, &[6, 2, 5]);
        let once = before.with_split(first.clone(), head(&before, &first, 1)).unwrap();
        let second = card(6, &[6, 7]);
        let twice = once.with_split(second.clone(), head(&before, &second, 2)).unwrap();
        assert_eq!(
            (once.card.head.as_ref().unwrap().classes(), twice.card.head.as_ref().unwrap().classes()),
            (7, 8)
        );
        let (middle, new) =
            (once.head_probabilities(&features).unwrap(), twice.head_probabilities(&features).unwrap());
        assert_eq!(new.size(), [9, 8]);
        for class in [0, 1, 3, 4] {
            assert_eq!(values(&new, class), values(&old, class), "class {class}");
        }
        assert_eq!(values(&new, 5), values(&middle, 5));
        let sum = |of: &Tensor, columns: &[i64]| {
            let columns: Vec<Tensor> = columns.iter().map(|&column| of.select(1, column)).collect();
            Tensor::stack(&columns, 1).sum_dim_intlist([1i64].as_slice(), false, Kind::Float)
        };
        assert!(sum(&middle, &[2, 5, 6]).allclose(&old.select(1, 2), 1e-5, 1e-7, false));
        assert!(sum(&new, &[6, 7]).allclose(&middle.select(1, 6), 1e-5, 1e-7, false));
        // Output 0 of the first split's head is class 6: what it says, times what class 2 had.
        let scaled = crate::unit_rows(&features).unwrap();
        let parts = super::super::softmax_of(&once.splits[0], &scaled).unwrap();
        assert!(middle.select(1, 6).allclose(&(parts.select(1, 0) * old.select(1, 2)), 1e-6, 1e-8, false));
    }

    #[test]
    fn the_last_split_is_taken_back_and_splits_go_on_to_the_same_head_only() {
        let before = model("resnet18_cifar", 32);
        let split = card(0, &[0, 5]);
        let after = before.with_split(split.clone(), head(&before, &split, 1)).unwrap();
        let (back, last) = after.without_last_split().unwrap().unwrap();
        assert_eq!((&back.card, last), (&before.card, split));
        assert_eq!(back.store.state_dict().unwrap(), before.store.state_dict().unwrap());
        assert!(back.without_last_split().unwrap().is_none());

        let again = before.with_splits_of(&after).unwrap().unwrap();
        assert_eq!(again.card, after.card);
        assert_eq!(again.store.state_dict().unwrap(), after.store.state_dict().unwrap());
        let other = Model::new(before.card.clone(), Device::Cpu, 1).unwrap();
        assert!(other.with_splits_of(&after).unwrap().is_none());
    }

    #[test]
    fn splits_that_cannot_be_are_refused() {
        let before = model("resnet18_cifar", 32);
        let refused = |splits: Vec<SplitCard>, words: &str| {
            let mut card = before.card.clone();
            card.head.as_mut().unwrap().splits = splits;
            let message = card.check().unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        };
        refused(vec![card(5, &[5, 6])], "class 5 cannot become 2 of 5 classes");
        refused(vec![card(1, &[1])], "class 1 cannot become 1");
        refused(vec![card(1, &[1, 6])], "[1, 6]");
        refused(vec![card(1, &[5, 5])], "[5, 5]");
        refused(vec![card(1, &[1, 5]), card(5, &[1, 6])], "[1, 6]");
        refused(vec![SplitCard { hidden_dim: 0, ..card(1, &[1, 5]) }], "hidden_dim");
    }
}
