//! Reports about names that do not fit.

use twist_io::{LoadReport, Mismatch, Suggestion, match_names};

fn list(entries: &[(&str, &[usize])]) -> Vec<(String, Vec<usize>)> {
    entries.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec())).collect()
}

#[test]
fn each_name_lands_in_one_list() {
    let expected =
        list(&[("conv1.weight", &[8, 3]), ("fc.weight", &[10, 8]), ("fc.bias", &[10]), ("gone", &[1])]);
    let found =
        list(&[("fc.bias", &[10]), ("extra", &[5]), ("fc.weight", &[1000, 8]), ("conv1.weight", &[8, 3])]);
    let report = match_names(&expected, &found);
    assert_eq!(
        report,
        LoadReport {
            applied: vec!["conv1.weight".into(), "fc.bias".into()],
            missing: vec!["gone".into()],
            unused: vec!["extra".into()],
            mismatched: vec![Mismatch {
                name: "fc.weight".into(),
                expected: vec![10, 8],
                got: vec![1000, 8]
            }],
            suggestions: vec![],
        }
    );
    assert!(!report.is_complete());
    let text = report.to_string();
    for part in [
        "2 of 4 tensors loaded",
        "  1 missing:\n    gone",
        "fc.weight: expected [10, 8], the file has [1000, 8]",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn likely_names_are_suggested() {
    let expected = list(&[
        ("backbone.conv1.weight", &[8, 3]),
        ("layer1.0.conv2.weight", &[8, 8]),
        ("norm.running_mean", &[4]),
        ("fc.bias", &[10]),
    ]);
    let found = list(&[
        ("module.backbone.conv1.weight", &[8, 3]),
        ("layer1.0.conv_2.weight", &[8, 8]),
        ("norm.runing_mean", &[5]), // a typing error, but another shape
        ("wholly.different", &[10]),
    ]);
    let report = match_names(&expected, &found);
    let suggestion =
        |missing: &str, similar: &str| Suggestion { missing: missing.into(), similar: similar.into() };
    assert_eq!(
        report.suggestions,
        [
            suggestion("backbone.conv1.weight", "module.backbone.conv1.weight"),
            suggestion("layer1.0.conv2.weight", "layer1.0.conv_2.weight"),
        ]
    );
    assert!(report.to_string().contains("did you mean `module.backbone.conv1.weight`"), "{report}");
}

#[test]
fn the_search_for_similar_names_has_an_end() {
    // Names that differ in one letter only, as long as they may be and longer.
    let names = |letter: &str, length: usize, count: usize| -> Vec<(String, Vec<usize>)> {
        (0..count).map(|i| (format!("{i:05}{}", letter.repeat(length)), vec![1])).collect()
    };
    let begin = std::time::Instant::now();
    match_names(&names("a", 250, 200), &names("b", 250, 100_000));
    assert!(match_names(&names("a", 20_000, 50), &names("a", 20_001, 50)).suggestions.is_empty());
    assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
}

#[test]
fn long_names_are_cut_in_the_text_and_cannot_act_on_a_terminal() {
    let report = match_names(&[], &[(format!("\u{1b}[2J{}", "n".repeat(1 << 20)), vec![])]);
    let text = report.to_string();
    assert!(text.len() < 400 && !text.contains('\u{1b}') && text.contains("\\u{1b}[2Jnnn"), "{text}");
}

#[test]
fn long_lists_are_cut_in_the_text_only() {
    let expected: Vec<_> = (0..50).map(|i| (format!("w{i}"), vec![i])).collect();
    let report = match_names(&expected, &[]);
    assert_eq!(report.missing.len(), 50);
    let text = report.to_string();
    assert!(text.contains("50 missing:") && text.contains("… and 42 more"), "{text}");
    assert!(!text.contains("w20"), "{text}");
}

#[test]
fn equal_sides_are_complete() {
    let names = list(&[("a", &[1]), ("b", &[])]);
    let report = match_names(&names, &names);
    assert!(report.is_complete());
    assert_eq!(report.to_string(), "2 of 2 tensors loaded");
}
