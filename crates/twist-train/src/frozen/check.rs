//! What a plan of heads refuses.

use twist_io::Refused;

use super::{FeatureFacts, HeadConfig};
use crate::config::outputs_rules;
use crate::rules::{Range, below_1, check, is_part, within};

pub(super) fn check_values(config: &HeadConfig, features: &FeatureFacts) -> Result<(), Refused> {
    let (model, pairs, guide) = (&config.model, &config.pairs, &config.guide);
    check(&outputs_rules(model.hidden_dim, model.dim))?;
    check(&config.loss.rules())?;
    check(&config.optim.rules())?;
    check(&config.schedule.rules())?;
    let rows = features.rows as i64;
    let enough = format!("at most the number of rows, {rows} (--clusters)");
    let among = format!("at most model.heads = {}", model.heads);
    let heads_fit = (1..=MOST_HEADS).contains(&model.heads);
    let part: Range<'_> = (|part| part > 0.0 && part <= 1.0, "a part of the run, in (0, 1]");
    let some: Range<'_> = (|neighbours| neighbours >= 1.0, "at least 1: pairs are made of neighbours");
    check(&[
        ("model.dim", model.dim as f64, model.dim <= rows, &enough),
        ("model.heads", model.heads as f64, heads_fit, "in 1 to 1024: each is trained and kept in memory"),
        ("guide.heads", guide.heads as f64, guide.heads <= model.heads, &among),
        within("guide.part", guide.part, part),
        within("guide.rest", guide.rest, (is_part, "a share, in [0, 1]")),
        within("pairs.neighbours", pairs.neighbours as f64, some),
        within("pairs.dropout", pairs.dropout, (below_1, "in [0, 1) (0 switches it off)")),
    ])
}

/// Most heads side by side.
const MOST_HEADS: usize = 1_024;
