//! `twist clusters MODEL split` and `unsplit`: a class becomes several by a head of its own, and back.

mod head_run;
mod parts;
mod unsplit;

use std::path::Path;

use torch_ext::DeviceRequest;
use twist_eval::ClassCount;
use twist_io::Refused;
use twist_model::SplitCard;
use twist_run::Group;

pub(super) use self::unsplit::Unsplit;

use self::head_run::HeadRun;
use self::parts::{LEAST_IMAGES, images_of, trained};
use crate::args::{UseArgs, at_least, device};
use crate::digits::counted;
use crate::head_auto::estimate_in_words;
use crate::names::{Named, called};
use crate::talk::Talk;

use super::edit::numbers;

const HELP: &str = "\
Examples:
  twist clusters runs/photos-1 split 3                  into 2, or as many as it clearly shows
  twist clusters runs/photos-1 split \"red circles\" --into 3
  twist clusters runs/photos-1 split 3 --data photos/   if the images are not where they were
  twist clusters runs/photos-1 unsplit 3                undoes the last split

The largest part keeps number and name of the class; the others get new numbers. All other classes
keep their numbers, their names and their probabilities. MODEL is the run folder of a head
(`twist train DATA --frozen MODEL`); labels are not used.";

/// Split a class into several, found in the features of its images
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Split {
    /// Number or name of a class
    #[arg(value_name = "CLASS")]
    class: String,
    /// Number of classes that it becomes [default: as many as its images show if every count agrees, else 2]
    #[arg(long, value_name = "N", value_parser = at_least::<usize>(2))]
    into: Option<usize>,
    /// The images that the run was trained on, if they are not where they were
    #[arg(long, value_name = "DATA")]
    data: Option<String>,
    /// Seed of the head that divides the class
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    machine: Machine,
}

/// What training and evaluation use.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Machine")]
struct Machine {
    /// auto (a GPU if Twist finds one), cpu, cuda or cuda:INDEX
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = device(), hide_possible_values = true)]
    device: DeviceRequest,
    /// Processor cores to use [default: OMP_NUM_THREADS, else all]
    #[arg(long, value_name = "N", value_parser = at_least::<u16>(1))]
    threads: Option<u16>,
}

impl Machine {
    fn to_use(&self) -> UseArgs {
        let &Self { device, threads } = self;
        UseArgs { teacher: false, device, precision: None, threads, no_cache: false }
    }
}

impl Split {
    pub(super) fn run(&self, path: &Path, talk: &Talk) -> anyhow::Result<()> {
        let (folder, _) = head_run::locked(path, talk)?;
        let (named, group) = class_in(path, &self.class)?;
        // The lock of the names is for moments, and this takes longer.
        let names = named.names.clone();
        drop(named);
        let run = HeadRun::open(folder, self.data.as_deref(), &self.machine.to_use(), talk)?;
        let (model, train) = (&run.model, &run.tables.train);
        let before = images_of(model, &names, train)?;
        let rows = before.rows_in(train, group.class)?;
        let into = self.parts(&group, &rows, talk)?;
        let (split, head) = trained(&rows, (group.class, into, self.seed), &run, talk)?;

        // The largest part has the number, and with it the name, of the class.
        let more = split.children.len() as u32 - 1;
        let names = names.of_more(names.clusters() + more);
        let found = images_of(&model.with_split(split.clone(), head.clone())?, &names, train)?;
        let split = by_size(split, |child| found.count(child), &group)?;
        let new = model.with_split(split.clone(), head)?;
        let after = images_of(&new, &names, train)?;

        run.replace(&new, || Ok(class_in(path, &group.class.to_string())?.0), talk)?;
        let (had, left) = (before.count(group.class), before.moved(&after, &group, &split.children));
        talk.say(format!("{}, {}, is split into {into}:", called(&group), counted(had as u64, "image")));
        let mut children = split.children;
        children.sort_unstable();
        for child in children {
            let size = counted(after.count(child) as u64, "image");
            talk.say(format!("  {}  {size}", called(&names.resolve(child)?)));
        }
        if left > 0 {
            let images = counted(left as u64, "image");
            talk.say(format!(
                "  {images} of it went to other classes: a part is less probable than the whole"
            ));
        }
        Ok(())
    }

    /// How many parts there are to be.
    fn parts(&self, group: &Group, rows: &tch::Tensor, talk: &Talk) -> anyhow::Result<usize> {
        let (images, _) = rows.size2()?;
        let into = match self.into {
            Some(asked) => asked,
            None => {
                let found = ClassCount::of(rows)?;
                let clear = found.filter(|found| found.range.0 == found.range.1 && found.range.0 > 1);
                let seen = match found {
                    Some(found) => estimate_in_words(found),
                    None => format!("{images} images are too few to count classes in"),
                };
                let into = clear.map_or(FEWEST, |found| found.estimate);
                talk.say(format!("{seen}; {} becomes {into}; --into sets it", called(group)));
                into
            }
        };
        if (images as usize) < LEAST_IMAGES * into {
            let what = format!("{} cannot be split into {into}", called(group));
            let why = format!(
                "{} training images are in it, and {} are needed, {LEAST_IMAGES} for each part",
                images,
                LEAST_IMAGES * into
            );
            return Err(Refused::new(what).because(why).into());
        }
        Ok(into)
    }
}

/// Parts of a class whose images do not clearly show another number.
const FEWEST: usize = 2;

/// The names of the classes of the run in `path`, and the one that `text` means, which must be one of the network's.
fn class_in(path: &Path, text: &str) -> anyhow::Result<(Named, Group)> {
    let named = Named::to_change(path)?;
    let group = named.find(text)?;
    if group.members.len() > 1 {
        let what = format!("{} cannot be split", called(&group));
        let why = format!("it is merged of the classes {}", numbers(&group.members));
        let remedy = format!("`twist clusters RUN unmerge {}` first, and split one of them", group.class);
        return Err(Refused::new(what).because(why).remedy(remedy).into());
    }
    Ok((named, group))
}

/// The split with the numbers of its children in the order of their images, of which each has `size`: the largest first.
fn by_size(split: SplitCard, size: impl Fn(u32) -> usize, group: &Group) -> anyhow::Result<SplitCard> {
    let empty = split.children.iter().filter(|&&child| size(child) == 0).count();
    if empty > 0 {
        let what = format!("{} was not split", called(group));
        let parts = split.children.len();
        let why = format!("{empty} of its {parts} parts would have no image");
        return Err(Refused::new(what)
            .because(why)
            .remedy("try another --seed, or fewer parts with --into")
            .into());
    }
    let mut outputs: Vec<usize> = (0..split.children.len()).collect();
    outputs.sort_by_key(|&output| std::cmp::Reverse(size(split.children[output])));
    let mut numbers = split.children.clone();
    numbers.sort_unstable();
    let mut children = vec![0; outputs.len()];
    outputs.into_iter().zip(numbers).for_each(|(output, number)| children[output] = number);
    Ok(SplitCard { children, ..split })
}

#[cfg(test)]
mod tests {
    use twist_nn::Activation;

    use super::*;

    #[test]
    fn the_largest_part_keeps_the_number() {
        let split = SplitCard {
            class: 3,
            children: vec![3, 7, 8],
            hidden_dim: 4,
            activation: Activation::Relu,
            norm: true,
        };
        let group = twist_run::ClusterNames::new(7).resolve(3).unwrap();
        let ordered = |sizes: [usize; 3]| {
            let size = |child| sizes[split.children.iter().position(|&known| known == child).unwrap()];
            by_size(split.clone(), size, &group).map(|split| split.children)
        };
        assert_eq!(ordered([5, 9, 7]).unwrap(), [8, 3, 7]);
        assert_eq!(ordered([5, 5, 5]).unwrap(), [3, 7, 8]);
        let message = ordered([14, 0, 7]).unwrap_err().to_string();
        assert!(message.contains("1 of its 3 parts would have no image"), "{message}");
    }
}
