//! From the names in other programs' weight files to those of a Twist weight file.

use std::collections::HashMap;

use crate::EvalError;

/// What wrappers put in front of every name: data parallelism, compilation, and modules that hold a network.
const WRAPPERS: [&str; 6] = ["module.", "_orig_mod.", "model.", "backbone.", "encoder_q.", "encoder."];

/// What the linear classifier is called by those who publish weights.
const CLASSIFIERS: [&str; 4] = ["fc", "linear", "head", "classifier"];

/// TWIST's projection head, which keeps its name.
pub(super) const HEAD: &str = "projection_heads.";

/// The prefix of a backbone's tensors.
pub(super) const BACKBONE: &str = "backbone.";

/// The names of a file, each with its own name there.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Twist's names and shapes, in the order of the file.
    pub(super) shapes: Vec<(String, Vec<usize>)>,
    /// From Twist's names back.
    original: HashMap<String, String>,
}

impl Names {
    /// Renames every tensor of a file.
    ///
    /// # Errors
    /// [`EvalError::Unrecognised`] when two tensors get one name: the file holds two networks.
    pub(super) fn of(file: &[(String, Vec<usize>)]) -> Result<Self, EvalError> {
        let mut names = Self::default();
        for (original, shape) in file {
            let name = renamed(original, shape);
            if let Some(other) = names.original.insert(name.clone(), original.clone()) {
                return Err(EvalError::Unrecognised {
                    reason: format!("`{other}` and `{original}` are one name without their prefixes"),
                    remedy: "keep one of the two networks in the file".into(),
                });
            }
            names.shapes.push((name, shape.clone()));
        }
        Ok(names)
    }

    /// The name in the file.
    pub(super) fn original<'a>(&'a self, name: &'a str) -> &'a str {
        self.original.get(name).map_or(name, String::as_str)
    }

    pub(super) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.shapes.iter().find(|(known, _)| known == name).map(|(_, shape)| shape.as_slice())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.original.contains_key(name)
    }

    /// How many of `0, 1, …` stand in for the star of a name.
    pub(super) fn count(&self, pattern: &str) -> usize {
        (0..).take_while(|number: &usize| self.has(&pattern.replace('*', &number.to_string()))).count()
    }

    /// The first few names of the file.
    pub(super) fn examples(&self) -> String {
        let few: Vec<&str> = self.shapes.iter().take(4).map(|(name, _)| self.original(name)).collect();
        few.join(", ")
    }
}

fn renamed(original: &str, shape: &[usize]) -> String {
    let mut name = original;
    while let Some(inner) = WRAPPERS.iter().find_map(|wrapper| name.strip_prefix(wrapper)) {
        name = inner;
    }
    if name.starts_with(HEAD) {
        return name.to_owned();
    }
    if let Some((module, part)) = name.split_once('.')
        && CLASSIFIERS.contains(&module)
        && matches!((part, shape.len()), ("weight", 2) | ("bias", 1))
    {
        return format!("classifier.{part}");
    }
    // Some implementations for CIFAR call a shortcut with parameters what it is.
    format!("{BACKBONE}{}", name.replace(".shortcut.", ".downsample."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappers_come_off_and_parts_get_their_names() {
        let cases = [
            ("module.conv1.weight", 4, "backbone.conv1.weight"),
            ("module.encoder_q.layer1.0.bn1.bias", 1, "backbone.layer1.0.bn1.bias"),
            ("module.encoder_k.conv1.weight", 4, "backbone.encoder_k.conv1.weight"),
            ("_orig_mod.model.backbone.blocks.0.norm1.weight", 1, "backbone.blocks.0.norm1.weight"),
            ("backbone.projection_heads.norm.running_var", 1, "projection_heads.norm.running_var"),
            ("module.linear.weight", 2, "classifier.weight"),
            ("head.bias", 1, "classifier.bias"),
            ("head.mlp.0.weight", 2, "backbone.head.mlp.0.weight"),
            ("classifier.weight", 4, "backbone.classifier.weight"),
            ("layer2.0.shortcut.0.weight", 4, "backbone.layer2.0.downsample.0.weight"),
        ];
        for (original, axes, expected) in cases {
            assert_eq!(renamed(original, &vec![1; axes]), expected, "{original}");
        }
    }

    #[test]
    fn two_networks_in_one_file_are_refused() {
        let file = [("backbone.conv1.weight".to_owned(), vec![1]), ("encoder.conv1.weight".into(), vec![1])];
        let error = Names::of(&file).unwrap_err().to_string();
        assert!(error.contains("`backbone.conv1.weight` and `encoder.conv1.weight`"), "{error}");
    }
}
