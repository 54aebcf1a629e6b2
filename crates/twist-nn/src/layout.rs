//! The names that other programs give to the tensors of a network, as a table that is read in both directions.
//!
//! A [`Layout`] says how one publisher stores a network: for each of our tensors the names there and the [`Form`] in which
//! the numbers lie. [`Layout::plan`] reads it towards our names, by names and shapes alone; [`Planned::convert`] then makes
//! each tensor. [`Layout::export`] reads the same table the other way.
//!
//! A pattern may contain `*`, which stands for a number, and may end in a dot: then it stands for every tensor directly
//! below (`blocks.*.norm1.` for `blocks.0.norm1.weight` and `blocks.0.norm1.bias`).

use std::collections::HashMap;

use tch::{Device, Kind, Tensor};
use twist_io::{HostTensor, StateDict};

use crate::{NnError, tensor_from_host, tensor_to_host};

/// How one publisher names and stores a network's tensors.
#[derive(Debug)]
pub struct Layout {
    /// Whose layout it is, for people.
    pub name: &'static str,
    /// Tensors that files of this layout have, and those of other layouts do not. Without marks, it is found by nothing and
    /// serves for export only.
    pub marks: &'static [&'static str],
    /// From our names to theirs, in groups that layouts share. Where several rules make one of our tensors, export writes the first.
    pub rules: &'static [&'static [Rule]],
    /// Our tensors that are not stored because their values are known.
    pub absent: &'static [Absent],
    /// What lies beside the rules.
    pub rest: Rest,
}

/// One of our tensors, or one kind of them, in a publisher's file.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Our pattern.
    pub ours: &'static str,
    /// Theirs. `0` stands for zeros that are not stored. A pattern after `?` may be missing, and stands for zeros then;
    /// one after `^` is not below the prefix that the marks have (`^visual_projection.weight` beside `vision_model.`).
    pub theirs: &'static [&'static str],
    /// How the numbers are stored.
    pub form: Form,
}

/// How a publisher stores the numbers of one of our tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As we do.
    Same,
    /// In several tensors that are stacked along the first axis. The numbers are their lengths, in relation to each other.
    Rows(&'static [i64]),
    /// With both axes exchanged.
    Transposed,
    /// Without this many leading axes of length 1.
    Squeezed(usize),
    /// With two axes of length 1 behind the only one, for all positions of an image.
    Positions,
    /// A convolution's kernel as a matrix: `[out, height × width × in]` for our `[out, 3, side, side]`.
    PixelRows,
    /// A table of positions `[1, N, D]` without the row of the class token, which is part of the class token `cls_token` there.
    ClassRow,
}

/// A tensor of ours that a publisher does not store.
#[derive(Clone, Copy, Debug)]
pub struct Absent {
    /// Our pattern.
    pub ours: &'static str,
    /// Its values, from its shape.
    pub values: fn(&[usize]) -> Vec<f32>,
}

/// What becomes of tensors that no rule names.
#[derive(Clone, Copy, Debug)]
pub enum Rest {
    /// They have our names already.
    Ours,
    /// They are a part of the network that we do not know, except for those below these names, which do not change features.
    Theirs(&'static [&'static str]),
}

/// One tensor with our name.
#[derive(Debug, PartialEq, Eq)]
pub struct Planned {
    /// Our name.
    pub name: String,
    /// Our shape.
    pub shape: Vec<usize>,
    /// The places of its parts in the file; `None` for zeros.
    pub parts: Vec<Option<usize>>,
    form: Form,
}

/// Zeros, from a shape: for tensors that a publisher does not store.
pub fn zeros(shape: &[usize]) -> Vec<f32> {
    vec![0.0; shape.iter().product()]
}

impl Rule {
    /// A tensor that is stored as ours, under another name.
    pub const fn same(ours: &'static str, theirs: &'static [&'static str; 1]) -> Self {
        Self { ours, theirs, form: Form::Same }
    }

    /// Tensors of equal shape that are stacked along the first axis: queries, keys and values.
    pub const fn qkv(ours: &'static str, theirs: &'static [&'static str; 3]) -> Self {
        Self { ours, theirs, form: Form::Rows(&[1, 1, 1]) }
    }

    /// The same tensor in another form.
    pub const fn form(ours: &'static str, form: Form, theirs: &'static [&'static str]) -> Self {
        Self { ours, theirs, form }
    }
}

/// A part of a rule without the mark in front of it.
fn pattern(part: &'static str) -> &'static str {
    part.strip_prefix(['?', '^']).unwrap_or(part)
}

/// What stands for the stars and behind the last dot of a pattern, where `name` fits it.
fn captures<'a>(pattern: &str, name: &'a str) -> Option<(Vec<&'a str>, &'a str)> {
    let (before, pieces) = pattern.split_once('*').map_or((pattern, None), |(a, b)| (a, Some(b)));
    let mut rest = name.strip_prefix(before)?;
    let mut stars = Vec::new();
    for piece in pieces.into_iter().flat_map(|pieces| pieces.split('*')) {
        let (star, behind) = rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count());
        stars.push(Some(star).filter(|star| !star.is_empty())?);
        rest = behind.strip_prefix(piece)?;
    }
    let is_leaf = !rest.is_empty() && !rest.contains('.');
    (if pattern.ends_with('.') { is_leaf } else { rest.is_empty() }).then_some((stars, rest))
}

/// The name of a pattern.
fn filled(pattern: &str, (stars, rest): &(Vec<&str>, &str)) -> String {
    stars.iter().fold(pattern.to_owned(), |name, star| name.replacen('*', star, 1)) + rest
}

impl Layout {
    /// Twist's own, to be given a name; it is found by nothing.
    pub(crate) const OURS: Self = Self { name: "", marks: &[], rules: &[], absent: &[], rest: Rest::Ours };

    /// The layout of a file with these names, with what stands in front of each of the network's: the first of `layouts`
    /// whose marks are all there. Where a file has several networks of one layout, the one that `prefer` ranks lowest.
    pub fn find<'a>(
        layouts: impl IntoIterator<Item = &'static Layout>,
        names: &[&'a str],
        prefer: impl Fn(&str) -> usize,
    ) -> Option<(&'static Layout, &'a str)> {
        let all: std::collections::HashSet<&str> = names.iter().copied().collect();
        layouts.into_iter().find_map(|layout| {
            let (first, others) = layout.marks.split_first()?;
            let prefixes = names.iter().filter_map(|name| name.strip_suffix(first));
            let prefixes = prefixes.filter(|prefix| prefix.is_empty() || prefix.ends_with('.'));
            let whole =
                |prefix: &&str| others.iter().all(|mark| all.contains(format!("{prefix}{mark}").as_str()));
            prefixes
                .filter(whole)
                .min_by_key(|prefix| (prefer(prefix), prefix.len()))
                .map(|prefix| (layout, prefix))
        })
    }

    /// Our tensors in a file with these names and shapes, whose network lies below `prefix`; tensors that no rule names are
    /// not among them. A tensor whose parts are not all there is left out, so that its parts remain.
    pub fn plan(&self, file: &[(String, Vec<usize>)], prefix: &str) -> Vec<Planned> {
        let places: HashMap<&str, usize> =
            file.iter().enumerate().map(|(place, (name, _))| (name.as_str(), place)).collect();
        let outer =
            prefix.trim_end_matches('.').rsplit_once('.').map_or("", |(outer, _)| &prefix[..=outer.len()]);
        let behind = |part: &str| if part.starts_with('^') { outer } else { prefix };
        let place_of = |part: &'static str, found: &(Vec<&str>, &str)| {
            places.get((behind(part).to_owned() + &filled(pattern(part), found)).as_str())
        };
        let mut planned = Vec::new();
        for (name, _) in file {
            for rule in self.rules.iter().copied().flatten() {
                // The first part that is there stands for all.
                let seen = rule.theirs.iter().find_map(|part| {
                    Some((part, captures(pattern(part), name.strip_prefix(behind(part))?)?))
                });
                let Some((_, found)) = seen else { continue };
                let parts: Vec<Option<usize>> =
                    rule.theirs.iter().map(|part| place_of(part, &found).copied()).collect();
                let first = parts.iter().flatten().next().map(|&place| file[place].0.as_str());
                let complete = rule
                    .theirs
                    .iter()
                    .zip(&parts)
                    .all(|(part, place)| place.is_some() || part.starts_with(['0', '?']));
                let shapes: Vec<&[usize]> =
                    parts.iter().flatten().map(|&place| file[place].1.as_slice()).collect();
                if first != Some(name) || !complete {
                    continue;
                }
                if let Some(shape) = rule.form.shape(&shapes, rule.theirs.len()) {
                    planned.push(Planned { name: filled(rule.ours, &found), shape, parts, form: rule.form });
                    break;
                }
            }
        }
        planned
    }

    /// The values of one of our tensors that this layout does not store.
    pub fn absent(&self, name: &str, shape: &[usize]) -> Option<Vec<f32>> {
        let absent = self.absent.iter().find(|absent| captures(absent.ours, name).is_some())?;
        Some((absent.values)(shape))
    }

    /// The tensors of a network (by our names, without a prefix) as this layout stores them, each below `prefix`.
    ///
    /// # Errors
    /// [`NnError::NotInLayout`] for numbers that this layout has no room for; libtorch fails.
    pub fn export(&self, state: &StateDict, prefix: &str) -> Result<StateDict, NnError> {
        let outer =
            prefix.trim_end_matches('.').rsplit_once('.').map_or("", |(outer, _)| &prefix[..=outer.len()]);
        let mut written = StateDict::default();
        let mut class_row = None;
        for (name, host) in state.iter() {
            let refuse = || NnError::NotInLayout { name: name.to_owned(), layout: self.name };
            let tensor = tensor_from_host(host, Device::Cpu)?;
            let absent = self.absent(name, &host.shape);
            if let Some(values) = &absent
                && equal(&tensor, values)?
            {
                continue;
            }
            let rule = self
                .rules
                .iter()
                .copied()
                .flatten()
                // A rule for whatever lies below a name does not mean what is not stored.
                .filter(|rule| absent.is_none() || !rule.ours.ends_with('.'))
                .find_map(|rule| Some((rule, captures(rule.ours, name)?)));
            let Some((rule, found)) = rule else {
                if absent.is_some() || !matches!(self.rest, Rest::Ours) {
                    return Err(refuse());
                }
                written.push(format!("{prefix}{name}"), host.clone());
                continue;
            };
            if rule.form == Form::ClassRow {
                class_row = Some(tensor.f_narrow(1, 0, 1)?);
            }
            for (part, tensor) in rule.theirs.iter().zip(rule.form.apart(&tensor)?) {
                let known = part.starts_with(['0', '?']) && bool::try_from(tensor.f_eq(0.0)?.f_all()?)?;
                match (known, *part) {
                    (true, _) => {}
                    (false, "0") => return Err(refuse()),
                    (false, part) => {
                        let front = if part.starts_with('^') { outer } else { prefix };
                        written.push(
                            format!("{front}{}", filled(pattern(part), &found)),
                            tensor_to_host(&tensor)?,
                        );
                    }
                }
            }
        }
        if let Some(row) = class_row {
            let class = format!("{prefix}{}", self.theirs_of("cls_token"));
            for (name, host) in &mut written.0 {
                if *name == class {
                    let token = tensor_from_host(host, Device::Cpu)?;
                    *host = tensor_to_host(&token.f_add(&row.f_view(token.size().as_slice())?)?)?;
                }
            }
        }
        Ok(written)
    }

    /// The name of a tensor of ours that is stored as it is.
    fn theirs_of(&self, ours: &str) -> String {
        let rule = self.rules.iter().copied().flatten().find(|rule| rule.ours == ours);
        rule.map_or_else(|| ours.to_owned(), |rule| rule.theirs[0].to_owned())
    }
}

/// Whether a tensor has these values; where they are finer than its kind of number, after rounding.
fn equal(tensor: &Tensor, values: &[f32]) -> Result<bool, NnError> {
    let kind = tensor.f_kind()?;
    let values = Tensor::f_from_slice(values)?.f_view(tensor.size().as_slice())?.f_to_kind(kind)?;
    Ok(bool::try_from(tensor.f_eq_tensor(&values)?.f_all()?)?)
}

impl Form {
    /// Our shape, from those of the parts that are there, of `count` in all; `None` where they do not fit.
    fn shape(self, parts: &[&[usize]], count: usize) -> Option<Vec<usize>> {
        let (&first, others) = parts.split_first()?;
        match self {
            Self::Rows(lengths) => {
                let (length, columns) = first.split_first()?;
                let fit = others.iter().all(|part| part.get(1..) == Some(columns));
                let one = *length as i64 / lengths.first().filter(|_| lengths.len() == count)?;
                let rows = usize::try_from(lengths.iter().sum::<i64>().checked_mul(one)?).ok()?;
                fit.then(|| [&[rows], columns].concat())
            }
            Self::Same => Some(first.to_vec()),
            Self::Transposed => <[usize; 2]>::try_from(first).ok().map(|[rows, columns]| vec![columns, rows]),
            Self::Squeezed(axes) => Some([&vec![1; axes], first].concat()),
            Self::Positions => first.strip_suffix(&[1, 1]).filter(|rest| rest.len() == 1).map(<[_]>::to_vec),
            Self::PixelRows => {
                let &[out, pixels] = first else { return None };
                let side = (pixels / 3).isqrt();
                (side * side * 3 == pixels).then(|| vec![out, 3, side, side])
            }
            Self::ClassRow => {
                let &[1, rows, dim] = first else { return None };
                Some(vec![1, rows.checked_add(1)?, dim])
            }
        }
    }

    /// Our tensor of a publisher's, in `shape`; a part that is `None` is zeros.
    fn together(self, parts: &[Option<Tensor>], shape: &[i64]) -> Result<Tensor, NnError> {
        let missing = || NnError::Shape {
            what: "a tensor of a file",
            expected: "that of its layout",
            got: shape.to_vec(),
        };
        let first = parts.iter().flatten().next().ok_or_else(missing)?;
        let zeros = |shape: &[i64]| Ok::<_, NnError>(Tensor::f_zeros(shape, (first.f_kind()?, Device::Cpu))?);
        let fit = |tensor: Tensor| if tensor.size() == shape { Ok(tensor) } else { Err(missing()) };
        match self {
            Self::Same | Self::Squeezed(_) | Self::Positions => Ok(first.f_view(shape)?),
            Self::Transposed => fit(first.f_transpose(0, 1)?),
            Self::PixelRows => {
                let rows = first.f_view([shape[0], shape[2], shape[3], shape[1]])?;
                fit(rows.f_permute([0, 3, 1, 2])?)
            }
            Self::ClassRow => fit(Tensor::f_cat(&[&zeros(&[1, 1, shape[2]])?, first], 1)?),
            Self::Rows(_) => {
                let blank = zeros(&first.size())?;
                let parts: Vec<&Tensor> = parts.iter().map(|part| part.as_ref().unwrap_or(&blank)).collect();
                fit(Tensor::f_cat(&parts, 0)?)
            }
        }
    }

    /// A publisher's tensors of ours.
    fn apart(self, tensor: &Tensor) -> Result<Vec<Tensor>, NnError> {
        let shape = tensor.size();
        Ok(match self {
            Self::Same => vec![tensor.shallow_clone()],
            Self::Transposed => vec![tensor.f_transpose(0, 1)?],
            Self::Squeezed(axes) => vec![tensor.f_view(&shape[axes..])?],
            Self::Positions => vec![tensor.f_view([&shape[..], &[1, 1]].concat().as_slice())?],
            Self::PixelRows => vec![tensor.f_permute([0, 2, 3, 1])?.f_reshape([shape[0], -1])?],
            Self::ClassRow => vec![tensor.f_narrow(1, 1, shape[1] - 1)?],
            Self::Rows(lengths) => {
                let one = shape[0] / lengths.iter().sum::<i64>();
                let lengths: Vec<i64> = lengths.iter().map(|length| length * one).collect();
                tensor.f_split_with_sizes(lengths, 0)?
            }
        })
    }
}

impl Planned {
    /// The tensor, of the file's; `file` gives each away once.
    ///
    /// # Errors
    /// A tensor of the file does not have the shape that it was planned with; libtorch fails.
    pub fn convert(&self, mut file: impl FnMut(usize) -> Option<HostTensor>) -> Result<HostTensor, NnError> {
        let mut parts = self.parts.iter().map(|place| place.and_then(&mut file));
        if self.form == Form::Same
            && let Some(host) = parts.next().flatten()
        {
            return Ok(host);
        }
        let tensor =
            |part: Option<HostTensor>| part.map(|host| tensor_from_host(&host, Device::Cpu)).transpose();
        let parts = parts.map(tensor).collect::<Result<Vec<_>, _>>()?;
        let shape: Vec<i64> = self.shape.iter().map(|&axis| axis as i64).collect();
        tensor_to_host(&self.form.together(&parts, &shape)?)
    }
}

/// A tensor of float32 that is not in a file.
///
/// # Errors
/// The values are not as many as the shape says.
pub fn host_values(values: &[f32], shape: &[usize]) -> Result<HostTensor, NnError> {
    let shape: Vec<i64> = shape.iter().map(|&axis| axis as i64).collect();
    tensor_to_host(&Tensor::f_from_slice(values)?.f_view(shape.as_slice())?.f_to_kind(Kind::Float)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    static LAYOUT: Layout = Layout {
        name: "test",
        marks: &["embed.weight"],
        rules: &[&[
            Rule::qkv("blocks.*.qkv.", &["layer.*.q.", "?layer.*.k.", "layer.*.v."]),
            Rule::form("projection.weight", Form::Transposed, &["^proj"]),
            Rule::form("cls_token", Form::Squeezed(2), &["class"]),
            Rule::form("stages.*.blocks.*.gamma", Form::Positions, &["s.*.*.scale"]),
            Rule::form("patch.weight", Form::PixelRows, &["embed.weight"]),
            Rule::form("pool.kv.weight", Form::Rows(&[1, 2]), &["q.weight", "kv.weight"]),
            Rule::form("pos_embed", Form::ClassRow, &["pos"]),
        ]],
        absent: &[Absent { ours: "blocks.*.qkv.mask", values: zeros }],
        rest: Rest::Theirs(&[]),
    };

    fn ours() -> StateDict {
        let mut state = StateDict::default();
        let shapes: [(&str, &[i64]); 10] = [
            ("stages.2.blocks.11.gamma", &[3]),
            ("blocks.0.qkv.weight", &[6, 2]),
            ("blocks.0.qkv.bias", &[6]),
            ("blocks.11.qkv.weight", &[6, 2]),
            ("blocks.11.qkv.bias", &[6]),
            ("projection.weight", &[3, 2]),
            ("cls_token", &[1, 1, 2]),
            ("patch.weight", &[2, 3, 2, 2]),
            ("pool.kv.weight", &[6, 2]),
            ("pos_embed", &[1, 5, 2]),
        ];
        for (name, shape) in shapes {
            let count: i64 = shape.iter().product();
            let tensor = Tensor::arange(count, (Kind::Float, Device::Cpu)).view(shape) + 1.0;
            if name == "blocks.0.qkv.bias" {
                let _ = tensor.narrow(0, 2, 2).zero_();
            }
            if name == "pos_embed" {
                let _ = tensor.narrow(1, 0, 1).zero_();
            }
            state.push(name.to_owned(), tensor_to_host(&tensor).unwrap());
        }
        state
    }

    #[test]
    fn a_table_is_read_in_both_directions() {
        let ours = ours();
        let theirs = LAYOUT.export(&ours, "net.visual.").unwrap();
        let shapes: HashMap<String, Vec<usize>> = theirs.shapes().into_iter().collect();
        assert!(!shapes.contains_key("net.visual.layer.0.k.bias"), "zeros are left out where they may be");
        assert_eq!(shapes["net.visual.layer.11.k.bias"], [2]);
        assert_eq!(shapes["net.proj"], [2, 3]);
        assert_eq!(shapes["net.visual.class"], [2]);
        assert_eq!(shapes["net.visual.s.2.11.scale"], [3, 1, 1]);
        assert_eq!(shapes["net.visual.embed.weight"], [2, 12]);
        assert_eq!(
            (&shapes["net.visual.q.weight"][..], &shapes["net.visual.kv.weight"][..]),
            (&[2, 2][..], &[4, 2][..])
        );

        let file = theirs.shapes();
        let names: Vec<&str> = file.iter().map(|(name, _)| name.as_str()).collect();
        let (found, prefix) = Layout::find([&LAYOUT], &names, |_| 0).unwrap();
        assert_eq!((found.name, prefix), ("test", "net.visual."));
        let planned = LAYOUT.plan(&file, prefix);
        assert_eq!(planned.len(), 10);
        for tensor in planned {
            let host = tensor.convert(|place| Some(theirs.0[place].1.clone())).unwrap();
            assert_eq!(Some(&host), ours.get(&tensor.name), "{}", tensor.name);
            assert_eq!(host.shape, tensor.shape);
        }
    }

    #[test]
    fn what_a_layout_has_no_room_for_is_refused() {
        let state = |name: &str, value: f32| {
            let mut state = StateDict::default();
            state.push(name, host_values(&[value; 3], &[3]).unwrap());
            state
        };
        assert!(LAYOUT.export(&state("blocks.0.qkv.mask", 0.0), "").unwrap().is_empty());
        for name in ["blocks.0.qkv.mask", "norm.weight"] {
            let error = LAYOUT.export(&state(name, 1.0), "").unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("test"), "{error}");
        }
    }

    #[test]
    fn a_part_that_is_missing_leaves_the_others() {
        let file =
            vec![("layer.0.q.weight".to_owned(), vec![2, 2]), ("layer.0.k.weight".to_owned(), vec![2, 2])];
        assert!(LAYOUT.plan(&file, "").is_empty());
        assert_eq!(captures("layer.*.q.", "layer.x.q.weight"), None);
        assert_eq!(captures("layer.*.q.", "layer.0.q.inner.weight"), None);
        assert_eq!(captures("stages.*.*.norm.", "stages.2.10.norm.bias"), Some((vec!["2", "10"], "bias")));
        assert_eq!(captures("layer.*.q.", "layer.10.q.bias"), Some((vec!["10"], "bias")));
    }
}
