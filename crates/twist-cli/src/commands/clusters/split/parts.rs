//! The images of a class, and the head that divides them.

use tch::Tensor;
use twist_eval::{guides, neighbourhood};
use twist_io::{Refused, StateDict};
use twist_model::{
    ClassSource, FeatureBatch, FeatureScaling, FeatureSet, FeatureTable, HeadCard, Model, Predictor,
    SplitCard,
};
use twist_run::{ClusterNames, Group};
use twist_train::frozen::{FeatureFacts, HeadPlan, HeadRecipe, Heads};
use twist_train::run::Run;
use twist_train::{Outcome, Override, StopFlag};

use super::head_run::HeadRun;
use crate::asked::UserChoices;
use crate::bar::Busy;
use crate::head_auto;
use crate::talk::Talk;

/// Images of a part, at least: what a head finds in fewer is chance.
pub(super) const LEAST_IMAGES: usize = 10;
/// Rows that are classified at once.
const BLOCK: usize = 65_536;

/// The class of every training image, merges taken into account.
pub(super) struct Classes(Vec<u32>);

/// What `model` says of the images of a table, as `twist predict` does.
pub(super) fn images_of(
    model: &Model,
    names: &ClusterNames,
    table: &FeatureTable,
) -> anyhow::Result<Classes> {
    let predictor = Predictor::new(model, ClassSource::Discovered, names, 1)?;
    let FeatureSet { indices, rows, .. } = &*table.features;
    let mut classes = Vec::with_capacity(indices.len());
    for (block, some) in indices.chunks(BLOCK).enumerate() {
        let features = rows.f_narrow(0, (block * BLOCK) as i64, some.len() as i64)?;
        let found = predictor.classify(model, &FeatureBatch { indices: some, features: &features })?;
        classes.extend(found.classes.into_iter().map(|place| predictor.class(place).0 as u32));
    }
    Ok(Classes(classes))
}

impl Classes {
    pub(super) fn count(&self, class: u32) -> usize {
        self.0.iter().filter(|&&found| found == class).count()
    }

    /// The features `[M, D]` of the images of `class`.
    ///
    /// # Errors
    /// It has none, or they are all equal.
    pub(super) fn rows_in(&self, table: &FeatureTable, class: u32) -> anyhow::Result<Tensor> {
        let places: Vec<i64> =
            self.0.iter().zip(0i64..).filter(|(found, _)| **found == class).map(|(_, place)| place).collect();
        let what = || Refused::new(format!("class {class} cannot be split"));
        if places.is_empty() {
            return Err(what().because("no training image is in it").into());
        }
        let set = &table.features;
        let indices = places.iter().map(|&place| set.indices[place as usize]).collect();
        let rows = set.rows.f_index_select(0, &Tensor::f_from_slice(&places)?)?;
        let of_class = FeatureSet { indices, rows: rows.shallow_clone(), skipped: Vec::new() };
        match FeatureTable::of_images(of_class, table.dataset.clone()).without_classes()? {
            Some(reason) => Err(what().because(reason).into()),
            None => Ok(rows),
        }
    }

    /// How many images of `group` are in none of `children` in `after`.
    pub(super) fn moved(&self, after: &Self, group: &Group, children: &[u32]) -> usize {
        let both = self.0.iter().zip(&after.0);
        both.filter(|(before, now)| **before == group.class && !children.contains(now)).count()
    }
}

/// A head that divides the rows `[M, D]` of `class` into parts, with the card of the split: trained as `twist train --frozen`
/// trains heads, without labels, and chosen by its loss. Numbers of parts are in the order of its outputs.
pub(super) fn trained(
    rows: &Tensor,
    (class, into, seed): (u32, usize, u64),
    run: &HeadRun,
    talk: &Talk,
) -> anyhow::Result<(SplitCard, StateDict)> {
    let card = &run.model.card;
    let (images, width) = rows.size2()?;
    let facts = FeatureFacts { rows: images as usize, width, ..FeatureFacts::default() };
    let asked = UserChoices { clusters: Some(into as i64), ..UserChoices::default() };
    let made = head_auto::recipe_for(&facts, asked, None);
    made.reasons.iter().for_each(|reason| talk.detail(format!("split: {reason}")));
    let unit_length = card.feature_scaling == FeatureScaling::UnitLength;
    let changes = [format!("train.seed={seed}"), format!("features.unit_length={unit_length}")];
    let changes = changes.iter().map(|change| change.parse()).collect::<Result<Vec<Override>, _>>()?;
    let recipe = HeadRecipe::read(head_auto::NAME, &made.text, &changes)?;
    let plan = HeadPlan::new(&recipe.config, &facts, run.machine())?;

    let _busy = Busy::new(&format!("training a head on {images} images"), talk);
    let device = plan.run.machine.device;
    let neighbours = neighbourhood(rows, plan.neighbours, plan.config.pairs.mutual, device, &mut |_, _| ())?;
    let guides = guides(rows, &plan, &mut |_, _| ())?;
    let mut run_of_heads =
        Run::of_heads(plan.clone(), rows.shallow_clone(), neighbours, &guides, None, recipe.name)?;
    match run_of_heads.run(None, &mut [], &StopFlag::new(), None)? {
        // Nothing asks it to stop before its end.
        Outcome::Finished { .. } | Outcome::Stopped { .. } => {}
        Outcome::Collapsed { kind, .. } => {
            let what = format!("class {class} was not split");
            let why = format!("training found no parts in its {images} images (it collapsed: {kind})");
            return Err(Refused::new(what).because(why).remedy("try another --seed or --into").into());
        }
    }
    let losses = run_of_heads.task_mut().losses()?;
    let head = run_of_heads.task().head_state(Heads::best(&losses))?;
    let net = &plan.net;
    let classes = card.head.as_ref().map_or(0, HeadCard::classes);
    let split = SplitCard {
        class,
        children: SplitCard::numbers(class, classes, into),
        hidden_dim: net.hidden_dim,
        activation: net.activation,
        norm: net.norm,
    };
    Ok((split, head))
}
