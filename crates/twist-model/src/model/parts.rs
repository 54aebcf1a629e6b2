//! The networks of a model.

use twist_nn::{Backbone, Linear, ProjectionHead, Store};

use super::ModelCard;
use super::split_card::prefix;
use crate::ModelError;

pub(super) struct Parts {
    pub(super) backbone: Option<Box<dyn Backbone>>,
    pub(super) head: Option<ProjectionHead>,
    /// Of the splits of its classes, in their order.
    pub(super) splits: Vec<ProjectionHead>,
    pub(super) classifier: Option<Linear>,
}

impl Parts {
    /// Adds the tensors of every part that a card names to a store.
    pub(super) fn new(card: &ModelCard, store: &mut Store) -> Result<Self, ModelError> {
        let backbone = match &card.backbone {
            Some(card) => Some(card.config().build(&mut store.builder("backbone"))?),
            None => None,
        };
        if let Some(backbone) = &backbone
            && backbone.feature_dim() != card.feature_dim
        {
            return Err(ModelError::card(format!(
                "the backbone has {} features, the card says {}",
                backbone.feature_dim(),
                card.feature_dim
            )));
        }
        let head = match &card.head {
            Some(head) => {
                let mut builder = store.builder("projection_heads");
                Some(ProjectionHead::new(&mut builder, card.feature_dim, &head.config())?)
            }
            None => None,
        };
        let cards = card.head.iter().flat_map(|head| &head.splits).enumerate();
        let splits = cards.map(|(number, split)| {
            ProjectionHead::new(&mut store.builder(&prefix(number)), card.feature_dim, &split.config())
        });
        let splits = splits.collect::<Result<Vec<_>, _>>()?;
        let classifier = match &card.classifier {
            Some(classifier) => {
                let mut builder = store.builder("classifier");
                Some(Linear::new(&mut builder, card.feature_dim, classifier.classes)?)
            }
            None => None,
        };
        Ok(Self { backbone, head, splits, classifier })
    }
}
