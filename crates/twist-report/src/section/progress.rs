//! How far a run came, and how to resume one that did not end.

use twist_io::shell_word;
use twist_run::{EventKind, figure};

use crate::run::{Ending, Run};
use crate::text::{count, epochs_done, number};

/// Minutes of training: the final figure, or the log's.
pub(super) fn spent_minutes(run: &Run) -> Option<f64> {
    let logged = match run.log.ending {
        Ending::Finished(seconds) => seconds.map(|s| s / 60.0),
        _ => None,
    };
    run.figure(figure::MINUTES).or(logged)
}

/// "400 epochs" of a run that ended, "12.6 of 400 epochs" of one that did not.
pub(super) fn epochs(run: &Run) -> Option<String> {
    let whole = run
        .epochs()
        .map(|epochs| format!("{} {}", number(epochs), if epochs == 1.0 { "epoch" } else { "epochs" }));
    let done = run.log.steps.values().next_back().filter(|_| !run.log.is_finished());
    match (done.map(|record| epochs_done(record.epoch)), whole) {
        (Some(done), Some(whole)) => Some(format!("{done} of {whole}")),
        (Some(done), None) => Some(format!("{done} epochs")),
        (None, whole) => whole,
    }
}

/// What a reader of an unfinished run must know; `None` when it finished.
pub(super) fn unfinished(run: &Run) -> Option<String> {
    let at = reached(run).map(|place| format!(" at {place}")).unwrap_or_default();
    let go_on = resume_command(run);
    match &run.log.ending {
        Ending::Finished(_) => None,
        Ending::Stopped(reason) => {
            let by = match reason.as_str() {
                "" => String::new(),
                "max_time" => " by `--max-time`".into(),
                signal => format!(" by {signal}"),
            };
            Some(format!("Not finished: the run was stopped{at}{by}. Continue with `{go_on}`."))
        }
        Ending::Collapsed { kind, advice } => {
            let saved =
                run.log.events.iter().any(|event| matches!(event.event.kind, EventKind::Checkpoint { .. }));
            let begins = if saved { "resumes from the last checkpoint" } else { "starts again" };
            let advice = advice.trim_end_matches('.');
            Some(format!(
                "Not finished: the run collapsed{at}, {kind}: {advice}. With such a change, `{go_on} --set …` {begins}."
            ))
        }
        Ending::Open => Some(match reached(run) {
            Some(place) => format!(
                "The run has not finished: the log reaches {place}. If it no longer runs, continue \
                 with `{go_on}`."
            ),
            None => "The run has not logged a step yet.".into(),
        }),
    }
}

/// "step 88 (epoch 12.6 of 400)"
fn reached(run: &Run) -> Option<String> {
    let (step, record) = run.log.steps.iter().next_back()?;
    let of = run.epochs().map(|epochs| format!(" of {}", number(epochs))).unwrap_or_default();
    Some(format!("step {} (epoch {}{of})", count(*step), epochs_done(record.epoch)))
}

fn resume_command(run: &Run) -> String {
    let recipe = run.log.start.as_ref().map(|start| start.recipe_name.as_str());
    let command = if recipe == Some("finetune") { "finetune" } else { "train" };
    format!("twist {command} --resume --out {}", shell_word(&run.path))
}
