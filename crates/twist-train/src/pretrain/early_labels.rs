//! Self-labelling that begins too early, or too late.
//!
//! Labels are the classes that the network gives for itself. As long as it tells images apart no better than an untrained
//! network does, they are mostly noise, and learning them takes more from the features than it gives to the classes: on
//! CIFAR-10, after two epochs that had come to 0.3 nats, k-NN fell from 0.391 to 0.355 on average over three seeds.

use twist_run::figure;

use crate::TrainPlan;
use crate::reading::StepReading;

/// What the class of an untrained network tells of an image, in nats: the norm before softmax gives logits a variance
/// of 1, and the entropy of their softmax lies half of that below `ln K`.
const UNTRAINED: f64 = 0.5;

/// What to say about self-labelling after these steps, if anything.
pub(super) fn warning(plan: &TrainPlan, readings: &[StepReading]) -> Option<String> {
    readings.iter().find_map(|reading| vague_start(plan, reading).or_else(|| nobody(reading)))
}

/// At the first step of the stage: classes that say no more of an image than untrained ones.
fn vague_start(plan: &TrainPlan, reading: &StepReading) -> Option<String> {
    let begins = plan.self_label.as_ref().is_some_and(|stage| stage.first_step == reading.step);
    let told = reading.figures.get(figure::DIVERSITY)? - reading.figures.get(figure::SHARPNESS)?;
    let most = (plan.net.head.dim as f64).ln();
    let untrained = UNTRAINED / plan.config.loss.temperature.powi(2);
    (begins && told < untrained.min(most / 2.0)).then(|| {
        format!(
            "self-labelling begins while the classes are vague: they tell {told:.2} of {most:.2} nats about an image, and those \
             of an untrained network about {untrained:.2}. Labels so vague take from the features: raise schedule.epochs \
             ({} now), or leave out [self_label]",
            plan.config.schedule.epochs,
        )
    })
}

/// The threshold is strict: where all confidences are rounded to the same number, nobody is above it.
fn nobody(reading: &StepReading) -> Option<String> {
    (reading.figures.get(figure::CONFIDENT) == Some(0.0)).then(|| {
        "no image of a batch is surer than the others, so nothing is learned from it: confidences that are all rounded \
         to 1 want a shorter stage before (schedule.epochs)"
            .into()
    })
}

#[cfg(test)]
mod tests {
    use torch_ext::{DeviceRequest, Machine};

    use super::*;
    use crate::DataFacts;
    use crate::config::Recipe;

    /// What is said at `step` when images have this entropy and their mean distribution that of ten equal classes.
    fn said(step: u64, sharpness: f64, temperature: f64) -> Option<String> {
        let temperature = format!("loss.temperature={temperature:?}");
        let stage = ["self_label.epochs=1", "self_label.lr=0.1", "self_label.warmup_epochs=0"];
        let recipe = Recipe::tiny(&[&["model.dim=10", &temperature], &stage[..]].concat()).unwrap();
        let machine = Machine::detect(DeviceRequest::Cpu, Some(1)).unwrap();
        let data = DataFacts { images: 32, ..DataFacts::default() };
        let plan = TrainPlan::new(&recipe.config, &data, &machine).unwrap();
        let figures = [(figure::SHARPNESS, sharpness), (figure::DIVERSITY, 10f64.ln())].into_iter().collect();
        warning(&plan, &[StepReading { step, figures, answers: None }])
    }

    #[test]
    fn a_step_without_a_confident_image_is_named() {
        let reading = |confident: Option<f64>| {
            let figures = confident.map(|value| (figure::CONFIDENT, value)).into_iter().collect();
            StepReading { figures, ..StepReading::default() }
        };
        assert!(nobody(&reading(Some(0.0))).is_some());
        assert_eq!((nobody(&reading(Some(0.5))), nobody(&reading(None))), (None, None));
    }

    #[test]
    fn classes_no_better_than_untrained_ones_are_named_at_the_first_step_of_the_stage() {
        let text = said(8, 2.0, 1.0).unwrap();
        assert!(text.contains("0.30 of 2.30 nats") && text.contains("schedule.epochs (2 now)"), "{text}");
        assert_eq!(said(8, 1.7, 1.0), None, "surer than untrained");
        assert_eq!(said(7, 2.0, 1.0), None, "the stage before");
        assert_eq!(said(9, 2.0, 1.0), None, "it was said before");
        assert!(said(8, 1.7, 0.7).is_some(), "a low temperature makes untrained ones look surer");
    }
}
