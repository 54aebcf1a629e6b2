//! The recipes that programs carry, so that they are there wherever those are.

use std::path::Path;

use strsim::jaro_winkler;
use twist_io::{Refused, did_you_mean, near_paths};

/// A recipe of `recipes/`.
#[derive(Clone, Copy, Debug)]
pub struct Embedded {
    /// File name without `.toml`.
    pub name: &'static str,
    /// The file's text; its opening comment is the claim that it makes.
    pub text: &'static str,
}

/// The recipe of a name.
macro_rules! embedded {
    ($name:literal) => {
        Embedded { name: $name, text: include_str!(concat!("../../../recipes/", $name, ".toml")) }
    };
}

/// All of them, in the order in which they are listed.
pub const ALL: &[Embedded] = &[
    embedded!("demo"),
    embedded!("demo_multicrop"),
    embedded!("cifar10_cpu"),
    embedded!("cifar10_cpu_multicrop"),
    embedded!("cifar10_resnet18"),
    embedded!("cifar10_multicrop"),
    embedded!("cifar100_multicrop"),
    embedded!("small_images"),
    embedded!("frozen"),
    embedded!("imagenet_resnet50_2view"),
    embedded!("imagenet_resnet50"),
    embedded!("imagenet_resnet50w2"),
    embedded!("imagenet_resnet50_classes"),
    embedded!("imagenet_vit_s"),
    embedded!("imagenet_vit_b"),
];

/// The recipe of this name.
///
/// # Errors
/// The recipe does not exist; the text names the nearest one and all others.
pub fn named(name: &str) -> Result<Embedded, Refused> {
    ALL.iter().find(|recipe| recipe.name == name).copied().ok_or_else(|| {
        let nearest = ALL
            .iter()
            .map(|recipe| (jaro_winkler(name, recipe.name), recipe.name))
            .filter(|(likeness, _)| *likeness > 0.7)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map_or(String::new(), |(_, near)| format!("did you mean `{near}`? "));
        let names: Vec<_> = ALL.iter().map(|recipe| recipe.name).collect();
        let what = format!("recipe `{name}` does not exist");
        Refused::new(what).because(format!(
            "{nearest}The built-in ones are {}; a recipe of your own is given as a path that ends in .toml",
            names.join(", ")
        ))
    })
}

/// Whether a recipe is given as a file, and not by its name.
pub fn is_file(given: &str) -> bool {
    Path::new(given).extension().is_some_and(|extension| extension == "toml")
}

/// The text of a recipe in a file.
///
/// # Errors
/// The file does not exist, or it cannot be read.
pub fn read_file(given: &str) -> Result<String, Refused> {
    let path = Path::new(given);
    if !path.exists() {
        let what = format!("recipe {given} does not exist{}", did_you_mean(&near_paths(path)));
        return Err(Refused::new(what)
            .because("--recipe takes the name of a built-in recipe (`twist recipes`) or a file"));
    }
    twist_io::read_small_text(path).map_err(|error| Refused::reading(path, error))
}

impl Embedded {
    /// The opening comment without its `#`: claim, command, hardware, expected result.
    pub fn header(&self) -> String {
        let lines = self.text.lines().take_while(|line| line.starts_with('#'));
        lines.map(|line| line.trim_start_matches('#').trim()).collect::<Vec<_>>().join("\n")
    }

    /// Whether it is made for GPUs alone, by the line `Hardware:` of its header.
    pub fn needs_gpu(&self) -> bool {
        let header = self.header();
        let hardware = header.lines().find(|line| line.starts_with("Hardware:"));
        hardware.is_some_and(|line| line.contains("GPU") && !line.contains("CPU"))
    }

    /// The first sentence of the header, on one line.
    pub fn summary(&self) -> String {
        let header = self.header().replace('\n', " ");
        header
            .split_once(". ")
            .map_or(header.clone(), |(first, _)| first.to_string())
            .trim_end_matches('.')
            .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_what_a_recipe_needs() {
        let needs = |name| named(name).unwrap().needs_gpu();
        assert!(needs("cifar10_multicrop") && needs("imagenet_vit_s"));
        assert!(!needs("demo") && !needs("cifar10_cpu_multicrop"));
        assert!(ALL.iter().all(|recipe| recipe.header().contains("\nHardware:")));
    }

    #[test]
    fn every_recipe_of_the_folder_is_embedded() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../recipes");
        let mut there: Vec<String> = fs_err::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|file| file.strip_suffix(".toml").map(str::to_string))
            .collect();
        there.sort();
        let mut here: Vec<&str> = ALL.iter().map(|recipe| recipe.name).collect();
        here.sort_unstable();
        assert!(here.len() >= 4);
        assert_eq!(there, here);
    }

    #[test]
    fn a_typo_is_answered_with_the_nearest_name() {
        let message = named("cifar10_resnt18").unwrap_err().to_string();
        assert!(
            message.contains("did you mean `cifar10_resnet18`?") && message.contains("demo"),
            "{message}"
        );
        assert!(!named("xyz").unwrap_err().to_string().contains("did you mean"));
    }

    #[test]
    fn every_recipe_opens_with_its_claim() {
        for recipe in ALL {
            assert!(recipe.header().contains("twist "), "{} does not say its command", recipe.name);
            assert!(recipe.summary().len() > 10, "{}: {:?}", recipe.name, recipe.summary());
        }
    }
}
