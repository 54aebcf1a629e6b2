//! The augmentation policies in `docs/views.md` are what they say they are.

use serde::Deserialize;
use twist_data::{Interpolation, RandAugment, ViewPolicy};

const PAGE: &str = include_str!("../../../../docs/views.md");

/// What of a recipe stands on the page.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fragment {
    views: Vec<ViewPolicy>,
}

/// The views under a heading, one policy for each view, all of them checked.
fn views(heading: &str) -> Vec<ViewPolicy> {
    let (_, section) = PAGE.split_once(&format!("\n## `{heading}`")).expect(heading);
    let (_, block) = section.split_once("\n```toml\n").expect(heading);
    let (block, _) = block.split_once("\n```\n").expect(heading);
    let fragment: Fragment = toml::from_str(block).unwrap_or_else(|error| panic!("{heading}: {error}"));
    fragment.views.iter().for_each(|view| view.check().unwrap());
    ViewPolicy::each(&fragment.views)
}

/// `first` says what differs between the two global views of the paper.
fn global(name: &str, scale: [f64; 2], first: bool) -> ViewPolicy {
    let (blur, solarize) = if first { (1.0, 0.0) } else { (0.1, 0.2) };
    ViewPolicy::new(name, 224, scale, blur, solarize)
}

#[test]
fn every_policy_of_the_released_code_is_on_the_page() {
    let headings: Vec<&str> = PAGE.lines().filter_map(|line| line.strip_prefix("## `")).collect();
    let names: Vec<&str> = headings.iter().filter_map(|heading| heading.split('`').next()).collect();
    assert_eq!(names, ["barlow", "multicrop", "moco", "rand"]);
    assert_eq!(PAGE.matches("```toml").count(), names.len(), "one block under each");
}

#[test]
fn barlow_is_two_unlike_views() {
    let scale = [0.08, 1.0];
    assert_eq!(views("barlow"), [global("view1", scale, true), global("view2", scale, false)]);
}

#[test]
fn multicrop_adds_twelve_small_views_to_two_narrower_ones() {
    let views = views("multicrop");
    let scale = [0.4, 1.0];
    assert_eq!(views[..2], [global("global1", scale, true), global("global2", scale, false)]);
    assert_eq!(views.len(), 2 + 12);
    for (number, view) in (1..).zip(&views[2..]) {
        assert_eq!(*view, ViewPolicy::new(&format!("local {number}"), 96, [0.05, 0.4], 0.5, 0.0));
    }
}

#[test]
fn moco_is_two_views_alike() {
    let moco = |name| ViewPolicy { saturation: 0.4, ..ViewPolicy::new(name, 224, [0.2, 1.0], 0.5, 0.0) };
    assert_eq!(views("moco"), [moco("view 1"), moco("view 2")]);
    let ViewPolicy { jitter, brightness, contrast, saturation, hue, gray, .. } = moco("view 1");
    assert_eq!([jitter, brightness, contrast, saturation, hue, gray], [0.8, 0.4, 0.4, 0.4, 0.1, 0.2]);
}

#[test]
fn rand_is_rand_augment_and_erasing_without_jitter() {
    let rand = |name| ViewPolicy {
        jitter: 0.0,
        gray: 0.0,
        erase: 0.25,
        rand_augment: Some(RandAugment {
            operations: 2,
            probability: 0.5,
            magnitude: 9.0,
            magnitude_std: 0.5,
            fill: [124, 116, 104],
        }),
        ..ViewPolicy::new(name, 224, [0.08, 1.0], 0.0, 0.0)
    };
    let views = views("rand");
    assert_eq!(views, [rand("view 1"), rand("view 2")]);
    let ViewPolicy { interpolation, ratio, flip, erase_area, .. } = views[0];
    assert_eq!(interpolation, Interpolation::Bicubic);
    assert_eq!((ratio, flip, erase_area), ([3.0 / 4.0, 4.0 / 3.0], 0.5, [0.02, 1.0 / 3.0]));
}
