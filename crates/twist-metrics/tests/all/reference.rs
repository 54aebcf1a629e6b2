//! scikit-learn's values for whole clusterings, from `clustering.json` of the reference folder.

use std::path::PathBuf;

use serde_json::Value;
use twist_metrics::Contingency;

const TOLERANCE: f64 = 1e-9;

type Score = fn(&Contingency) -> f64;

/// Every score of a case by its key in the file.
const SCORES: [(&str, Score); 8] = [
    ("nmi", Contingency::nmi),
    ("ami", Contingency::ami),
    ("ari", Contingency::ari),
    ("fowlkes_mallows", Contingency::fowlkes_mallows),
    ("homogeneity", Contingency::homogeneity),
    ("completeness", Contingency::completeness),
    ("accuracy_one_to_one", Contingency::accuracy_one_to_one),
    ("accuracy_many_to_one", Contingency::accuracy_many_to_one),
];

fn cases() -> Vec<Value> {
    let folder = std::env::var_os("TWIST_REFERENCE").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference"),
        PathBuf::from,
    );
    let text = fs_err::read(folder.join("clustering.json")).unwrap();
    match serde_json::from_slice(&text).unwrap() {
        Value::Array(cases) => cases,
        other => panic!("clustering.json is a list of cases, not {other}"),
    }
}

fn numbers(case: &Value, key: &str) -> Vec<u32> {
    let list = case[key].as_array().unwrap_or_else(|| panic!("no list `{key}`"));
    list.iter().map(|number| u32::try_from(number.as_u64().unwrap()).unwrap()).collect()
}

/// The scores of a case that differ from what the file says, and how many were compared.
fn compare(case: &Value) -> (Vec<String>, usize) {
    let table = Contingency::new(&numbers(case, "labels"), &numbers(case, "preds")).unwrap();
    let mut wrong = Vec::new();
    for (key, score) in SCORES {
        let want = case[key].as_f64().unwrap_or_else(|| panic!("no number `{key}`"));
        let got = score(&table);
        if got.is_nan() || (got - want).abs() > TOLERANCE {
            wrong.push(format!("{key}: got {got}, expected {want}"));
        }
    }
    (wrong, SCORES.len())
}

#[test]
fn scores_equal_scikit_learn() {
    let cases = cases();
    let mut compared = 0;
    for (index, case) in cases.iter().enumerate() {
        let (wrong, count) = compare(case);
        assert!(wrong.is_empty(), "case {index}: {wrong:?}");
        // Nothing in the file may go unread: labels, preds and the two sizes are the input.
        let known = ["labels", "preds", "n_classes", "n_clusters"];
        for key in case.as_object().unwrap().keys() {
            assert!(
                known.contains(&key.as_str()) || SCORES.iter().any(|score| score.0 == key),
                "unread `{key}`"
            );
        }
        compared += count;
    }
    assert!(!cases.is_empty());
    assert_eq!(compared, cases.len() * 8);
}

#[test]
fn a_perturbed_value_is_noticed() {
    for case in cases() {
        for (key, _) in SCORES {
            let mut perturbed = case.clone();
            perturbed[key] = (case[key].as_f64().unwrap() + 1e-7).into();
            let (wrong, _) = compare(&perturbed);
            assert_eq!(wrong.len(), 1, "{key}");
            assert!(wrong[0].starts_with(key));
        }
    }
}
