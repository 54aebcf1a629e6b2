//! What a step minimises: the TWIST loss, its form with a teacher, or self-labelling.

use tch::Tensor;
use twist_nn::{LossTerms, NnError, SelfLabelLoss, TeacherLoss, TwistLoss};
use twist_run::{Figure, figure};

use crate::TrainPlan;

/// The loss of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Objective {
    /// Views learn from each other.
    Twist(TwistLoss),
    /// Views learn from a teacher's.
    Teacher(TeacherLoss),
    /// Views learn the classes of the surest ones. The TWIST loss is watched and not minimised.
    SelfLabel(SelfLabelLoss, TwistLoss),
}

/// The value of an objective: its figures, 0-d tensors on the device of the logits. The loss, which is what is minimised,
/// is one of them.
#[derive(Debug)]
pub struct LossValue {
    /// What the objective measured.
    pub figures: Vec<(&'static Figure, Tensor)>,
}

impl From<LossTerms> for LossValue {
    fn from(terms: LossTerms) -> Self {
        let LossTerms { total, kl, sharpness, diversity } = terms;
        let figures = vec![
            (figure::LOSS, total),
            (figure::KL, kl),
            (figure::SHARPNESS, sharpness),
            (figure::DIVERSITY, diversity),
        ];
        Self { figures }
    }
}

impl Objective {
    /// The objective of `step`.
    pub fn at(plan: &TrainPlan, step: u64) -> Self {
        let twist = plan.config.loss.twist();
        if let Some(stage) = plan.self_label.as_ref().filter(|stage| step >= stage.first_step) {
            let quantile = stage.quantile.at(step - stage.first_step);
            let group = stage.threshold_images.map(|images| images as i64);
            return Self::SelfLabel(SelfLabelLoss { quantile, group }, twist);
        }
        if plan.teacher.is_none() {
            return Self::Twist(twist);
        }
        let TwistLoss { consistency, lam1, lam2, temperature, eps, .. } = twist;
        Self::Teacher(TeacherLoss { consistency, lam1, lam2, temperature, eps })
    }

    /// The value for the logits `[V*B, K]` of `views` views, the global ones first, with its gradient `[V*B, K]`.
    /// `teacher` are the teacher's logits `[2B, K]` of the global views, when there is a teacher.
    ///
    /// # Errors
    /// Shapes that do not fit each other; no teacher where one is needed.
    pub fn with_gradient(
        &self,
        logits: &Tensor,
        teacher: Option<&Tensor>,
        views: i64,
    ) -> Result<(LossValue, Tensor), NnError> {
        let globals = || logits.f_narrow(0, 0, 2 * (logits.size()[0] / views));
        match self {
            Self::Twist(loss) => {
                let (terms, gradient) = loss.with_gradient(logits, views)?;
                Ok((terms.into(), gradient))
            }
            Self::Teacher(loss) => {
                let missing =
                    NnError::Shape { what: "the teacher's logits", expected: "[2B, K]", got: vec![] };
                let (terms, gradient) = loss.with_gradient(logits, teacher.ok_or(missing)?, views)?;
                Ok((terms.into(), gradient))
            }
            Self::SelfLabel(loss, watched) => {
                let anchors = teacher.map_or_else(globals, |teacher| Ok(teacher.shallow_clone()))?;
                let (own, gradient) = loss.with_gradient(logits, &anchors, views)?;
                let (terms, _) = watched.with_gradient(logits, views)?;
                let terms = LossTerms { total: own.loss, ..terms };
                let mut value = LossValue::from(terms);
                value.figures.push((figure::CONFIDENT, own.confident));
                Ok((value, gradient))
            }
        }
    }
}
