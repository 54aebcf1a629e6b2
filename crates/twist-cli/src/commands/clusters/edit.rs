//! `twist clusters MODEL rename`, `merge`, `unmerge` and `unsure`: each changes one thing and writes the file.

use twist_run::samples::Sample;
use twist_run::{Group, Groups};

use crate::commands::predict::probability;
use crate::names::{Named, called, usage};
use crate::talk::Talk;

/// Give a class a name; the name "class 3" removes the name of class 3
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twist clusters runs/demo-1 rename 3 \"red circles\"\n  twist clusters runs/demo-1 rename \"red circles\" circles"
)]
pub(super) struct Rename {
    /// Number or name of a class
    #[arg(value_name = "CLASS")]
    class: String,
    /// Its new name
    #[arg(value_name = "NAME")]
    name: String,
}

/// Merge several classes into one
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  twist clusters runs/demo-1 merge 3 7 12 --name circles")]
pub(super) struct Merge {
    /// Numbers or names of classes
    #[arg(value_name = "CLASS", required = true, num_args = 2..)]
    classes: Vec<String>,
    /// Name of the result [default: that of the first one with a name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// Undo the last merge of a class
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  twist clusters runs/demo-1 unmerge circles")]
pub(super) struct Unmerge {
    /// Number or name of a class
    #[arg(value_name = "CLASS")]
    class: String,
}

/// Set the probability below which an image is unsure
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twist clusters runs/demo-1 unsure 0.6\n  twist clusters runs/demo-1 unsure off"
)]
pub(super) struct Unsure {
    /// A probability such as 0.6, or off
    #[arg(value_name = "P|off", value_parser = threshold)]
    threshold: Threshold,
}

#[derive(Clone, Copy, Debug)]
struct Threshold(Option<f64>);

fn threshold(text: &str) -> Result<Threshold, String> {
    if text == "off" { Ok(Threshold(None)) } else { probability(text).map(|p| Threshold(Some(p))) }
}

impl Rename {
    pub(super) fn run(&self, named: &mut Named, talk: &Talk) -> anyhow::Result<()> {
        let group = named.find(&self.class)?;
        usage(named.names.rename(group.class, &self.name))?;
        named.save()?;
        let now = named.names.resolve(group.class)?;
        talk.say(format!("{} is now called `{}`", called(&group), now.name));
        Ok(())
    }
}

impl Merge {
    pub(super) fn run(&self, named: &mut Named, talk: &Talk) -> anyhow::Result<()> {
        let mut classes = Vec::with_capacity(self.classes.len());
        for text in &self.classes {
            // The number as given: of a class that is merged already, each of its numbers means all of it.
            classes.push(named.find(text)?.class);
        }
        let before = named.names.groups();
        let group = usage(named.names.merge(&classes, self.name.as_deref()))?;
        named.save()?;
        // A number that was given may be one of several of its class: all of them come along.
        for part in merged_already(&before, &classes) {
            let (part, members) = (called(part), numbers(&part.members));
            talk.say(format!(
                "{part} was made of {members} before: all of it is part of {} now",
                called(&group)
            ));
        }
        let moves = evaluated(named, talk).map_or_else(String::new, |images| {
            let after = named.names.groups();
            let inside = images.iter().filter(|image| image.class(&after).0 == group.class);
            moves(inside.map(|image| image.class(&before).0), &classes)
        });
        talk.say(format!("{} has the classes {}{moves}", called(&group), numbers(&group.members)));
        Ok(())
    }
}

impl Unmerge {
    pub(super) fn run(&self, named: &mut Named, talk: &Talk) -> anyhow::Result<()> {
        let group = named.find(&self.class)?;
        usage(named.names.unmerge(group.class))?;
        named.save()?;
        let groups = named.names.groups();
        let mut parts: Vec<String> =
            group.members.iter().filter_map(|&member| groups.group_of(member)).map(called).collect();
        parts.dedup();
        talk.say(format!("{} is again {}", called(&group), parts.join(", ")));
        Ok(())
    }
}

impl Unsure {
    pub(super) fn run(&self, named: &mut Named, talk: &Talk) -> anyhow::Result<()> {
        usage(named.names.set_unsure(self.threshold.0))?;
        named.save()?;
        talk.say(match self.threshold.0 {
            Some(threshold) => {
                let counted = evaluated(named, talk).map_or_else(String::new, |images| {
                    let groups = named.names.groups();
                    let unsure =
                        images.iter().filter(|image| f64::from(image.class(&groups).1) < threshold).count();
                    format!(", {} of {} that the run was evaluated on", unsure, images.len())
                });
                format!("images with a probability below {threshold} are unsure{counted}")
            }
            None => "no image is unsure".to_string(),
        });
        Ok(())
    }
}

/// The classes of several clusters that are among `given`, each once.
fn merged_already<'a>(groups: &'a Groups, given: &[u32]) -> Vec<&'a Group> {
    let mut found: Vec<&Group> = given.iter().filter_map(|&one| groups.group_of(one)).collect();
    found.retain(|group| group.members.len() > 1);
    found.sort_by_key(|group| group.class);
    found.dedup();
    found
}

/// The images that the run of the model was evaluated on, where it was. Names can be changed without them.
pub(super) fn evaluated(named: &Named, talk: &Talk) -> Option<Vec<Sample>> {
    let read = named.images();
    read.unwrap_or_else(|error| {
        talk.warn(error.to_string());
        None
    })
}

/// How many images a merged class has, and how many of them were in none of `parts`; `before` are the classes that they were in.
fn moves(before: impl Iterator<Item = u32>, parts: &[u32]) -> String {
    let (mut images, mut others) = (0, 0);
    for class in before {
        images += 1;
        others += usize::from(!parts.contains(&class));
    }
    let moved = match others {
        0 => String::new(),
        others => {
            format!(", {others} of them from other classes, because probabilities of merged classes add up")
        }
    };
    format!(": {images} images of the run{moved}")
}

/// "3, 7 and 12".
pub(super) fn numbers(members: &[u32]) -> String {
    let texts: Vec<String> = members.iter().map(u32::to_string).collect();
    match texts.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => texts.concat(),
    }
}

#[cfg(test)]
mod tests {
    use twist_run::ClusterNames;

    use super::{merged_already, moves, numbers};

    #[test]
    fn images_that_a_merge_draws_from_other_classes_are_counted() {
        assert_eq!(moves([3, 7, 3].into_iter(), &[3, 7]), ": 3 images of the run");
        let drawn = moves([3, 7, 5, 9].into_iter(), &[3, 7]);
        assert!(drawn.starts_with(": 4 images of the run, 2 of them from other classes"), "{drawn}");
    }

    #[test]
    fn what_is_merged_already_is_known_before() {
        let mut names = ClusterNames::new(8);
        names.merge(&[3, 7], Some("lamps")).unwrap();
        let groups = names.groups();
        assert!(merged_already(&groups, &[1, 2]).is_empty());
        let found: Vec<&str> =
            merged_already(&groups, &[7, 1, 3]).iter().map(|group| group.name.as_str()).collect();
        assert_eq!(found, ["lamps"]);
    }

    #[test]
    fn numbers_are_a_list() {
        assert_eq!((numbers(&[3]), numbers(&[3, 7, 12])), ("3".into(), "3, 7 and 12".into()));
    }
}
