//! `twist clusters MODEL unsplit`: takes the last split back.

use std::path::Path;

use twist_io::Refused;
use twist_model::HeadCard;

use super::super::edit::numbers;
use super::Machine;
use super::head_run::{self, HeadRun};
use crate::names::{Named, called};
use crate::talk::Talk;

const HELP: &str = "\
Examples:
  twist clusters runs/photos-1 unsplit 3

The model is again what it was before the split. Names and merges of the parts are listed, and the
file before is kept. To have the parts as one class and keep the split, `merge` them.";

/// Undo the last split of a class
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(in super::super) struct Unsplit {
    /// Number or name of one of its parts
    #[arg(value_name = "CLASS")]
    class: String,
    /// The images that the run was trained on, if they are not where they were
    #[arg(long, value_name = "DATA")]
    data: Option<String>,
    #[command(flatten)]
    machine: Machine,
}

impl Unsplit {
    pub(in super::super) fn run(&self, path: &Path, talk: &Talk) -> anyhow::Result<()> {
        let (folder, model) = head_run::locked(path, talk)?;
        let named = Named::to_change(path)?;
        let group = named.find(&self.class)?;
        let refuse = |why: String| Refused::new(format!("{} cannot be unsplit", called(&group))).because(why);
        let Some(last) = model.card.head.as_ref().and_then(|head| head.splits.last()) else {
            return Err(refuse("no class of this model was split".into()).into());
        };
        let mut parts = last.children.clone();
        parts.sort_unstable();
        if !parts.iter().any(|part| group.members.contains(part)) {
            let why = format!("the last split is the one that made the classes {}", numbers(&parts));
            let remedy = format!("`twist clusters RUN unsplit {}` takes that back first", parts[0]);
            return Err(refuse(why).remedy(remedy).into());
        }
        drop(named);

        let run = HeadRun::open(folder, self.data.as_deref(), &self.machine.to_use(), talk)?;
        let Some((before, last)) = run.model.without_last_split()? else {
            anyhow::bail!("{} was changed while it was read", path.display());
        };
        let classes = before.card.head.as_ref().map_or(0, HeadCard::classes) as u32;
        let mut lost = Lost::default();
        run.replace(&before, || lost.take(path, classes), talk)?;
        talk.say(format!(
            "the classes {} are class {} again, as before the split",
            numbers(&parts),
            last.class
        ));
        lost.tell(talk);
        Ok(())
    }
}

/// Names and merges of the parts.
#[derive(Default)]
struct Lost {
    names: Vec<String>,
    aside: Option<std::path::PathBuf>,
}

impl Lost {
    /// Writes the names of the run for the first `classes`: before the model changes, because names of fewer classes fit it before
    /// and after.
    fn take(&mut self, path: &Path, classes: u32) -> anyhow::Result<Named> {
        let named = Named::to_change(path)?;
        if named.file.is_file() {
            let (names, lost) = named.names.of_first(classes);
            self.aside = names.save_aside(!lost.is_empty(), &named.file)?;
            self.names = lost;
        }
        Ok(named)
    }

    fn tell(&self, talk: &Talk) {
        let Some(aside) = &self.aside else { return };
        let lost: Vec<_> = self.names.iter().map(|name| twist_io::printable(name)).collect();
        talk.warn(format!(
            "not kept, because the parts are gone: {}; the file before is {}",
            lost.join("; "),
            aside.display()
        ));
    }
}
