//! The distribution of random resized crops against torchvision's.

use serde_json::Value;
use twist_data::{DrawKey, ViewPolicy, draw};

use crate::reference;

/// Draws behind the reference statistics.
const REFERENCE_DRAWS: f64 = 100_000.0;
/// Our own: ten times as many, so that what differs is the reference's sampling error and not ours.
const DRAWS: u64 = 1_000_000;

struct Statistics {
    area: Vec<f64>,
    log_aspect: Vec<f64>,
    top: Vec<f64>,
    left: Vec<f64>,
}

fn field(case: &Value, name: &str) -> f64 {
    case[name].as_f64().unwrap_or_else(|| panic!("a case without {name}"))
}

fn sample(case: &Value) -> Statistics {
    let scale = [0, 1].map(|i| case["scale"][i].as_f64().unwrap());
    let (width, height) = (field(case, "width"), field(case, "height"));
    let policy = ViewPolicy::new("crop", 224, scale, 0.0, 0.0);
    let crops: Vec<_> = (0..DRAWS)
        .map(|sample| {
            draw(&policy, DrawKey { seed: 0, epoch: 0, sample, view: 0 }, width as u32, height as u32).crop
        })
        .collect();
    let mut area: Vec<f64> =
        crops.iter().map(|c| f64::from(c.width) * f64::from(c.height) / (width * height)).collect();
    area.sort_by(f64::total_cmp);
    Statistics {
        area,
        log_aspect: crops.iter().map(|c| (f64::from(c.width) / f64::from(c.height)).ln()).collect(),
        top: crops.iter().map(|c| f64::from(c.top)).collect(),
        left: crops.iter().map(|c| f64::from(c.left)).collect(),
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// How far the mean of the reference's draws lies from the true one, as a standard deviation.
fn standard_error(values: &[f64]) -> f64 {
    let mean = mean(values);
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
    (variance / REFERENCE_DRAWS).sqrt()
}

impl Statistics {
    fn means(&self) -> [(&'static str, &[f64]); 4] {
        [
            ("area_mean", &self.area),
            ("log_aspect_mean", &self.log_aspect),
            ("top_mean", &self.top),
            ("left_mean", &self.left),
        ]
    }
}

/// Means within 4 standard errors, deciles within 1 %. Returns the number of comparisons.
fn check(case: &Value, ours: &Statistics) -> Result<usize, String> {
    for (name, values) in ours.means() {
        let mean = mean(values);
        let errors = (mean - field(case, name)).abs() / standard_error(values);
        if errors > 4.0 {
            return Err(format!("{name}: {mean} is {errors:.1} standard errors from {}", case[name]));
        }
    }
    let deciles = case["area_deciles"].as_array().ok_or("a case without deciles")?;
    for (i, expected) in deciles.iter().enumerate() {
        let got = ours.area[ours.area.len() * (i + 1) / (deciles.len() + 1)];
        let expected = expected.as_f64().ok_or("a decile that is not a number")?;
        if (got / expected - 1.0).abs() > 0.01 {
            return Err(format!("decile {}: {got}, expected {expected}", i + 1));
        }
    }
    Ok(ours.means().len() + deciles.len())
}

#[test]
fn crops_are_distributed_as_torchvisions_and_the_check_sees_a_wrong_number() {
    let cases = reference::json("random_resized_crop.json");
    let cases = cases.as_array().unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let ours = sample(case);
        let deciles = case["area_deciles"].as_array().unwrap().len();
        assert!(deciles > 0);
        assert_eq!(check(case, &ours), Ok(4 + deciles), "scale {}", case["scale"]);
        for (name, values) in ours.means() {
            let mut wrong = case.clone();
            wrong[name] = (field(case, name) + 10.0 * standard_error(values)).into();
            assert!(check(&wrong, &ours).is_err(), "a wrong {name} passed");
        }
        let mut wrong = case.clone();
        wrong["area_deciles"][deciles / 2] =
            (case["area_deciles"][deciles / 2].as_f64().unwrap() * 1.03).into();
        assert!(check(&wrong, &ours).is_err(), "a wrong decile passed");
    }
}
