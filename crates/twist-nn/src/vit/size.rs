//! Channels, blocks, heads and hidden units of a vision transformer.

use std::fmt;

use crate::{MOST_CHANNELS, MOST_OUTPUTS};

/// Most blocks; the deepest published one has 48.
const MOST_BLOCKS: i64 = 1 << 10;

/// How large a vision transformer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VitSize {
    /// What it is called in its family (`s`, `b`); empty for a size that was never published.
    pub(super) name: &'static str,
    /// Channels.
    pub dim: i64,
    /// Blocks.
    pub depth: i64,
    /// Attention heads.
    pub heads: i64,
    /// Hidden units of each block's perceptron.
    pub hidden: i64,
    /// Whether one half of its first layer opens and closes the other (SwiGLU, arXiv:2002.05202).
    pub gated: bool,
}

impl VitSize {
    /// A published size with four hidden units for each channel.
    pub(super) const fn named(name: &'static str, dim: i64, depth: i64, heads: i64) -> Self {
        Self { name, dim, depth, heads, hidden: 4 * dim, gated: false }
    }

    /// The same with so many hidden units.
    pub(super) const fn hidden(self, hidden: i64) -> Self {
        Self { hidden, ..self }
    }

    /// The same with gates.
    pub(super) const fn gated(self) -> Self {
        Self { gated: true, ..self }
    }

    /// The published size of `sizes` that is the same; itself if none is, so that each network has one name.
    pub(super) fn known(self, sizes: &[Self]) -> Self {
        let same = |size: &&Self| Self { name: "", ..**size } == Self { name: "", ..self };
        sizes.iter().find(same).copied().unwrap_or(self)
    }

    /// `48x2x3`, with `m` and the hidden units where they are not four for each channel, and `g` where they are gated.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (text, gated) = text.strip_suffix('g').map_or((text, false), |text| (text, true));
        let (text, hidden) = match text.split_once('m') {
            Some((text, hidden)) => (text, Some(hidden.parse().ok()?)),
            None => (text, None),
        };
        let numbers: Vec<i64> = text.split('x').map(|number| number.parse().ok()).collect::<Option<_>>()?;
        let [dim, depth, heads] = numbers.try_into().ok()?;
        let possible = (1..=MOST_CHANNELS).contains(&dim) && (1..=MOST_BLOCKS).contains(&depth);
        let hidden = hidden.unwrap_or(if possible { 4 * dim } else { 0 });
        let fits = possible
            && (1..=dim).contains(&heads)
            && dim % heads == 0
            && (1..=MOST_OUTPUTS).contains(&hidden);
        fits.then_some(Self { name: "", dim, depth, heads, hidden, gated })
    }

    /// Its name, with `heads` in the place of their number.
    pub(super) fn text(&self, heads: &str) -> String {
        let Self { name, dim, depth, hidden, gated, .. } = *self;
        if !name.is_empty() {
            return name.to_owned();
        }
        let hidden = if hidden == 4 * dim { String::new() } else { format!("m{hidden}") };
        format!("{dim}x{depth}x{heads}{hidden}{}", if gated { "g" } else { "" })
    }
}

impl fmt::Display for VitSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(&self.heads.to_string()))
    }
}
