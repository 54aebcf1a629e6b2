//! Which images are copies of which, and which of them are kept.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::look::Look;
use super::search::{Near, Picture, near_copies, one_in_other};
use super::sets::DisjointSets;
use crate::survey::OnProgress;

/// How an image repeats another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Copy {
    /// All bytes of the files are equal.
    EqualBytes,
    /// All pixels are equal.
    EqualPixels,
    /// One shows the other or a part of it: the smaller of the two correlations.
    Near(f32),
}

/// Images that belong together, and what becomes of each.
pub(super) struct Group {
    /// The best first: those with the most pixels, then the least compressed, then by name.
    pub(super) members: Vec<Member>,
}

/// An image in a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Member {
    /// Its position among the images looked at.
    pub(super) look: usize,
    /// The image that it repeats and how; `None` for one that is kept.
    pub(super) copy_of: Option<(usize, Copy)>,
}

/// An image that is in the other data set as well.
pub(super) struct Leak {
    pub(super) look: usize,
    /// Its position among the images of the other data set.
    pub(super) other: usize,
    pub(super) copy: Copy,
}

/// What is there more than once.
pub(super) struct Copies {
    pub(super) groups: Vec<Group>,
    pub(super) leaks: Vec<Leak>,
}

/// Finds copies within `looks`, and what is in `others` as well. `is_near` says whether near copies are sought, too. `looks` are in
/// the order of their names.
pub(super) fn copies(looks: &[Look], others: &[Look], is_near: bool, progress: OnProgress<'_>) -> Copies {
    let all = All { looks, others };
    // Of images of equal pixels, only the first is compared with others.
    let mut first_of = HashMap::new();
    let first: Vec<usize> =
        (0..looks.len()).map(|look| *first_of.entry(looks[look].content()).or_insert(look)).collect();
    let mut first_other = HashMap::new();
    others.iter().enumerate().for_each(|(other, look)| {
        first_other.entry(look.content()).or_insert(other);
    });
    let is_first = |position: usize| match position.checked_sub(looks.len()) {
        None => first[position] == position,
        Some(other) => first_other.get(&others[other].content()) == Some(&other),
    };
    let compared: Vec<usize> = (0..looks.len() + others.len())
        .filter(|&position| is_near && is_first(position) && all.look(position).thumbnail.is_some())
        .collect();
    let pictures: Vec<Picture<'_>> = compared.iter().filter_map(|&position| all.picture(position)).collect();
    let near = near_copies(&pictures, progress);

    let mut search = Search { all, compared: &compared, pictures: &pictures, near: HashMap::new() };
    let mut sets = DisjointSets::new(looks.len());
    first.iter().enumerate().for_each(|(look, &first)| sets.join(look, first));
    let mut near_leaks: HashMap<usize, (usize, Copy)> = HashMap::new();
    for Near { pair, likeness } in near {
        let copy = Copy::Near(likeness.values.min(likeness.edges));
        let [a, b] = pair.map(|number| compared[number]);
        let (own, other) = (a.min(b), a.max(b));
        match other.checked_sub(looks.len()) {
            None => {
                sets.join(own, other);
                search.near.insert([own, other], copy);
            }
            Some(other) => {
                near_leaks.entry(own).or_insert((other, copy));
            }
        }
    }
    let exact = |look: usize| {
        let other = *first_other.get(&looks[look].content())?;
        Some((other, equal(&looks[look], &others[other])))
    };
    let leak = |look: usize| {
        let (other, copy) = exact(look).or_else(|| near_leaks.get(&first[look]).copied())?;
        Some(Leak { look, other, copy })
    };
    let leaks = (0..looks.len()).filter_map(leak).collect();
    let groups = sets.groups().into_iter().map(|members| search.group(members, &first)).collect();
    Copies { groups, leaks }
}

/// How two images of equal pixels repeat each other.
fn equal(a: &Look, b: &Look) -> Copy {
    if a.stored_hash == b.stored_hash { Copy::EqualBytes } else { Copy::EqualPixels }
}

/// The images of both data sets, one after the other.
#[derive(Clone, Copy)]
struct All<'a> {
    looks: &'a [Look],
    others: &'a [Look],
}

impl<'a> All<'a> {
    fn look(&self, position: usize) -> &'a Look {
        match position.checked_sub(self.looks.len()) {
            None => &self.looks[position],
            Some(other) => &self.others[other],
        }
    }

    fn picture(&self, position: usize) -> Option<Picture<'a>> {
        let look = self.look(position);
        let shape = look.size.0 as f32 / look.size.1 as f32;
        Some(Picture { thumbnail: look.thumbnail.as_ref()?, shape, is_other: position >= self.looks.len() })
    }
}

/// What was found, and what is compared later.
struct Search<'a> {
    all: All<'a>,
    /// The positions of `pictures`, ascending.
    compared: &'a [usize],
    pictures: &'a [Picture<'a>],
    near: HashMap<[usize; 2], Copy>,
}

impl Search<'_> {
    /// Decides which members are kept: the best, and each that is not a copy of a better one that is kept. So whatever goes was
    /// itself compared with an image that stays.
    fn group(&self, mut members: Vec<usize>, first: &[usize]) -> Group {
        let looks = self.all.looks;
        members.sort_by_key(|&look| (Reverse(looks[look].pixels()), Reverse(looks[look].bytes), look));
        let mut decided: Vec<Member> = Vec::with_capacity(members.len());
        let mut kept: Vec<usize> = Vec::new();
        // What was decided for images of the same pixels.
        let mut of_content: HashMap<usize, Member> = HashMap::new();
        for look in members {
            let copy_of = match of_content.get(&first[look]) {
                Some(&Member { look: same, copy_of: None }) => {
                    Some((same, equal(&looks[look], &looks[same])))
                }
                Some(same) => same.copy_of,
                None => kept.iter().find_map(|&other| Some((other, self.near(first[look], first[other])?))),
            };
            let member = Member { look, copy_of };
            if copy_of.is_none() {
                kept.push(look);
            }
            of_content.entry(first[look]).or_insert(member);
            decided.push(member);
        }
        Group { members: decided }
    }

    /// Whether two images are near copies.
    fn near(&self, a: usize, b: usize) -> Option<Copy> {
        self.near.get(&[a.min(b), a.max(b)]).copied().or_else(|| {
            let [a, b] = [a, b].map(|position| self.compared.binary_search(&position).ok());
            let near = one_in_other(self.pictures, a?, b?)?;
            Some(Copy::Near(near.likeness.values.min(near.likeness.edges)))
        })
    }
}
