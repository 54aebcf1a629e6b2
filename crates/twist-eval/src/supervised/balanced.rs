//! Class-balanced draws: the same images for the same seed, whatever was drawn before.

use std::collections::HashSet;

use twist_io::splitmix;

/// How many images of each class a draw of `total` takes, for classes of `sizes` images: equal numbers, as far as the
/// classes reach. What cannot be divided is dealt one by one to classes chosen by lot, and every class that has an
/// image gives at least one.
pub(super) fn quotas(sizes: &[usize], total: usize, seed: u64) -> Vec<usize> {
    let inhabited = sizes.iter().filter(|&&size| size > 0).count();
    let mut left = total.clamp(inhabited, sizes.iter().sum::<usize>().max(inhabited));
    let mut quotas = vec![0; sizes.len()];
    loop {
        let mut open: Vec<usize> = (0..sizes.len()).filter(|&class| quotas[class] < sizes[class]).collect();
        if left == 0 || open.is_empty() {
            return quotas;
        }
        let each = left / open.len();
        if each == 0 {
            open.sort_by_key(|&class| (lot(seed, CLASSES, class as u64), class));
            open.iter().take(left).for_each(|&class| quotas[class] += 1);
            return quotas;
        }
        for class in open {
            let more = each.min(sizes[class] - quotas[class]);
            quotas[class] += more;
            left -= more;
        }
    }
}

/// `total` of the images `(index, class)`, class-balanced, in the order given. A larger draw with the same seed holds a
/// smaller one.
pub(super) fn draw(images: &[(u32, u32)], classes: usize, total: usize, seed: u64) -> Vec<(u32, u32)> {
    let mut members = vec![Vec::new(); classes];
    for &(index, class) in images {
        members[class as usize].push(index);
    }
    let sizes: Vec<usize> = members.iter().map(Vec::len).collect();
    let mut chosen: HashSet<u32> = HashSet::new();
    for (members, quota) in members.iter_mut().zip(quotas(&sizes, total, seed)) {
        members.sort_by_key(|&index| (lot(seed, IMAGES, u64::from(index)), index));
        chosen.extend(members.iter().take(quota));
    }
    images.iter().filter(|(index, _)| chosen.contains(index)).copied().collect()
}

/// Splits the rows `0..labels.len()` into those to learn from and those to choose by: of each class the part
/// `fraction`, at least one row where there are two, and never all. The lot of a row is that of its `number`.
pub(crate) fn hold_out(
    labels: &[i64],
    classes: usize,
    fraction: f64,
    seed: u64,
    number: impl Fn(i64) -> u64,
) -> (Vec<i64>, Vec<i64>) {
    let mut members = vec![Vec::new(); classes];
    for (row, &class) in (0i64..).zip(labels) {
        members[class as usize].push(row);
    }
    let mut held = vec![false; labels.len()];
    for members in &mut members {
        members.sort_by_key(|&row| (lot(seed, HELD_OUT, number(row)), row));
        let wanted = (members.len() as f64 * fraction).round() as usize;
        let count = wanted.max(1).min(members.len().saturating_sub(1));
        members.iter().take(count).for_each(|&row| held[row as usize] = true);
    }
    (0..labels.len() as i64).partition(|&row| !held[row as usize])
}

/// What a lot is drawn for: each purpose has numbers of its own.
const CLASSES: u64 = 1;
const IMAGES: u64 = 2;
const HELD_OUT: u64 = 3;

fn lot(seed: u64, purpose: u64, number: u64) -> u64 {
    splitmix(splitmix(splitmix(seed).wrapping_add(purpose)).wrapping_add(number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labelled(sizes: &[usize]) -> Vec<(u32, u32)> {
        // Classes interleaved, so that an index says nothing about its class.
        let most = sizes.iter().copied().max().unwrap_or(0);
        let places = (0..most).flat_map(|n| (0..sizes.len()).map(move |class| (n, class)));
        let classes = places.filter(|&(n, class)| n < sizes[class]).map(|(_, class)| class as u32);
        (0..).zip(classes).collect()
    }

    proptest! {
        #[test]
        fn draws_are_balanced(
            sizes in prop::collection::vec(0usize..40, 1..12),
            share in 0.0f64..=1.0,
            seed: u64,
        ) {
            let images = labelled(&sizes);
            let inhabited = sizes.iter().filter(|&&size| size > 0).count();
            let total = (share * images.len() as f64).round() as usize;
            let drawn = draw(&images, sizes.len(), total, seed);
            prop_assert_eq!(drawn.len(), total.max(inhabited).min(images.len()));
            prop_assert!(drawn.windows(2).all(|pair| pair[0].0 < pair[1].0), "in order, no image twice");
            let count = |class: usize| drawn.iter().filter(|(_, label)| *label as usize == class).count();
            let counts: Vec<usize> = (0..sizes.len()).map(count).collect();
            let most = counts.iter().copied().max().unwrap_or(0);
            for (class, &count) in counts.iter().enumerate() {
                prop_assert!(count <= sizes[class] && (count > 0) == (sizes[class] > 0));
                // Who gives less than the others has no more, or lost the lot for the last one.
                prop_assert!(count == sizes[class] || count + 1 >= most, "{:?} of {:?}", counts, sizes);
            }
            prop_assert_eq!(drawn, draw(&images, sizes.len(), total, seed));
        }

        #[test]
        fn a_larger_draw_holds_the_smaller_one(
            sizes in prop::collection::vec(1usize..40, 1..8),
            less in 0usize..100,
            more in 0usize..100,
            seed: u64,
        ) {
            let images = labelled(&sizes);
            let small = draw(&images, sizes.len(), less, seed);
            let large = draw(&images, sizes.len(), less + more, seed);
            prop_assert!(small.iter().all(|image| large.contains(image)));
        }

        #[test]
        fn both_sides_of_a_split_know_every_class(
            sizes in prop::collection::vec(2usize..30, 1..8),
            fraction in 0.01f64..0.99,
            seed: u64,
        ) {
            let labels: Vec<i64> = labelled(&sizes).into_iter().map(|(_, class)| i64::from(class)).collect();
            let (learn, choose) = hold_out(&labels, sizes.len(), fraction, seed, |row| row as u64);
            prop_assert_eq!(learn.len() + choose.len(), labels.len());
            for class in 0..sizes.len() as i64 {
                for side in [&learn, &choose] {
                    prop_assert!(side.iter().any(|&row| labels[row as usize] == class));
                }
            }
        }
    }

    #[test]
    fn seeds_draw_differently() {
        let images = labelled(&[100; 5]);
        assert_ne!(draw(&images, 5, 25, 0), draw(&images, 5, 25, 1));
    }
}
