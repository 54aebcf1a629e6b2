//! The fast protocol: cached features, many learning rates at once, chosen without the test set.

use serde::Serialize;
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};
use twist_io::Refused;
use twist_run::{Figures, Metrics, evaluations, figure};

use twist_train::labels::Order;

use super::bank::{Bank, MOMENTUM};
use crate::EvalError;
use crate::supervised::{Accuracy, hold_out, of_ranking};

/// Rows that are compared, or summed, at a time.
const BLOCK: i64 = 4_096;
/// Updates that are wanted: fewer passes over many images, more over few.
const UPDATES: u64 = 20_000;
const LEAST_UPDATES: u64 = 1_000;
/// Most passes that can be asked for: far beyond what is of use, and few enough to count their steps.
const MOST_EPOCHS: u64 = 1_000_000;
/// Least and most passes.
const EPOCHS: [u64; 2] = [10, 100];

/// The values that define the protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct FastLinear {
    /// Rates that are tried, ascending.
    pub learning_rates: Vec<f64>,
    /// Weight decays that are tried with each of them.
    pub weight_decays: Vec<f64>,
    /// Passes over the training features; `None`: about 20,000 updates, in 10 to 100 passes, and never fewer than 1,000.
    pub epochs: Option<u64>,
    /// Most images of an update.
    pub batch_size: usize,
    /// The part of each class that chooses between the rates and is not learned from meanwhile.
    pub held_out: f64,
    /// Of the order and of what is held out.
    pub seed: u64,
    /// Where it is computed.
    pub device: Device,
}

impl Default for FastLinear {
    fn default() -> Self {
        Self {
            learning_rates: vec![1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1],
            weight_decays: vec![0.0, 1e-3],
            epochs: None,
            batch_size: 256,
            held_out: 0.1,
            seed: 0,
            device: Device::Cpu,
        }
    }
}

/// What one setting reached.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RateResult {
    /// Its learning rate.
    pub lr: f64,
    /// Its weight decay.
    pub weight_decay: f64,
    /// Accuracy on the held-out training images; `None` if nothing was chosen.
    pub held_out_top1: Option<f64>,
    /// Accuracy on the test images after the last epoch: for people, chosen by nobody.
    pub test_top1: f64,
}

/// The result of the fast protocol.
#[derive(Clone, Debug)]
pub struct FastLinearResult {
    /// Of the chosen setting after the last epoch.
    pub test: Accuracy,
    /// Its best epoch on the test set, counted from 1, and the accuracy then.
    pub best_epoch: (u64, f64),
    /// Every setting.
    pub rates: Vec<RateResult>,
    /// The place of the chosen one among them.
    pub chosen: usize,
    /// Every value that defines the result.
    pub protocol: Value,
}

impl FastLinearResult {
    /// The figures, and what each setting reached.
    pub fn metrics(&self) -> Metrics {
        let figures = [
            (figure::LINEAR_TOP1, Some(self.test.top1)),
            (figure::LINEAR_TOP5, self.test.top5),
            (figure::LINEAR_TOP1_BEST_EPOCH, Some(self.best_epoch.1)),
        ];
        let figures: Figures =
            figures.into_iter().filter_map(|(figure, value)| Some((figure, value?))).collect();
        let more = [("rates".to_owned(), json!(self.rates))].into_iter().collect();
        Metrics { figures, more, protocol: self.protocol.clone(), ..Metrics::default() }
    }
}

/// Features with what standardises them.
struct Standardised<'a> {
    rows: &'a Tensor,
    mean: Tensor,
    scale: Tensor,
    device: Device,
}

impl<'a> Standardised<'a> {
    /// Mean 0 and standard deviation 1 of every feature over the rows `over`; a feature that never changes becomes 0.
    fn new(rows: &'a Tensor, over: &[i64], device: Device) -> Result<Self, EvalError> {
        // Sums in float64, of a block of rows at a time: tables are as large as the memory.
        let sum = |each: &dyn Fn(Tensor) -> Result<Tensor, tch::TchError>| -> Result<Tensor, EvalError> {
            let mut sum = Tensor::f_zeros([1, rows.size2()?.1], (Kind::Double, rows.device()))?;
            for block in over.chunks(BLOCK as usize) {
                let block = rows.f_index_select(0, &Tensor::f_from_slice(block)?)?.f_to_kind(Kind::Double)?;
                sum = sum.f_add(&each(block)?.f_sum_dim_intlist([0i64].as_slice(), true, Kind::Double)?)?;
            }
            Ok(sum.f_div_scalar(over.len() as f64)?)
        };
        let mean = sum(&|block| Ok(block))?;
        let variance = sum(&|block| block.f_sub(&mean)?.f_square())?;
        let varies = variance.f_gt(1e-12)?;
        let scale = variance.f_clamp_min(1e-12)?.f_rsqrt()?.f_mul(&varies.f_to_kind(Kind::Double)?)?;
        let float =
            |x: Tensor| -> Result<Tensor, EvalError> { Ok(x.f_to_kind(Kind::Float)?.f_to_device(device)?) };
        Ok(Self { rows, mean: float(mean)?, scale: float(scale)?, device })
    }

    /// Standardised rows `[B, D]` on the device.
    fn select(&self, rows: &[i64]) -> Result<Tensor, EvalError> {
        self.apply(&self.rows.f_index_select(0, &Tensor::f_from_slice(rows)?)?)
    }

    fn apply(&self, rows: &Tensor) -> Result<Tensor, EvalError> {
        let rows = rows.f_to_device(self.device)?.f_to_kind(Kind::Float)?;
        Ok(rows.f_sub(&self.mean)?.f_mul(&self.scale)?)
    }

    /// The most probable classes `[N, R, n]` of all of `rows`, best first, on the CPU.
    fn best(&self, bank: &Bank, rows: &Tensor, n: i64) -> Result<Tensor, EvalError> {
        let mut best = Vec::new();
        for start in (0..rows.size()[0]).step_by(BLOCK as usize) {
            let block = rows.f_narrow(0, start, BLOCK.min(rows.size()[0] - start))?;
            let (_, classes) = bank.logits(&self.apply(&block)?)?.f_topk(n, 2, true, true)?;
            best.push(classes.f_to_device(Device::Cpu)?);
        }
        Ok(Tensor::f_cat(&best, 0)?)
    }
}

/// Trains on features `[N, D]` with labels `[N]` (int64, in `0..classes`), both on the CPU, and tests on others.
///
/// `progress` hears of finished passes and their number.
///
/// # Errors
/// More epochs than can be counted; nothing to choose by: every class has one image and there are several settings; shapes that do not fit.
pub fn fast_linear(
    (train, train_labels): (&Tensor, &Tensor),
    (test, test_labels): (&Tensor, &Tensor),
    classes: i64,
    how: &FastLinear,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<FastLinearResult, EvalError> {
    let settings: Vec<(f64, f64)> = how
        .learning_rates
        .iter()
        .flat_map(|&lr| how.weight_decays.iter().map(move |&weight_decay| (lr, weight_decay)))
        .collect();
    if let Some(epochs) = how.epochs.filter(|epochs| !(1..=MOST_EPOCHS).contains(epochs)) {
        return Err(Refused::new(format!("epochs is {epochs}, but it has to be 1 to {MOST_EPOCHS}")).into());
    }
    let labels: Vec<i64> = Vec::try_from(train_labels)?;
    let all: Vec<i64> = (0..labels.len() as i64).collect();
    let epochs = how.epochs_for(labels.len());
    let passes = if settings.len() > 1 { 2 * epochs } else { epochs } as usize;
    let _no_grad = tch::no_grad_guard();

    // Choose: learn from a part of the training images, ask the rest.
    let mut held_out = Vec::new();
    if settings.len() > 1 {
        let (learn, choose) = hold_out(&labels, classes as usize, how.held_out, how.seed, |row| row as u64);
        if choose.is_empty() {
            let what = format!(
                "none of the {} training images can be held out to choose a learning rate by",
                labels.len()
            );
            let remedy = "name a rate with --lr, or label more images";
            return Err(Refused::new(what).because("each class has one").remedy(remedy).into());
        }
        let rows = Standardised::new(train, &learn, how.device)?;
        let bank = how.learn(&rows, &labels, &learn, classes, &settings, &mut |epoch, _| {
            progress(epoch as usize, passes);
            Ok(())
        })?;
        let asked = train.f_index_select(0, &Tensor::f_from_slice(&choose)?)?;
        let best = rows.best(&bank, &asked, 1)?;
        let truth: Vec<i64> = choose.iter().map(|&row| labels[row as usize]).collect();
        held_out = top1_of_each(&best, &Tensor::f_from_slice(&truth)?)?;
    }
    let chosen = first_highest(&held_out);

    // Learn from all of them, and test.
    let rows = Standardised::new(train, &all, how.device)?;
    let mut best_epoch = (0, 0.0);
    let bank = how.learn(&rows, &labels, &all, classes, &settings, &mut |epoch, bank| {
        let best = rows.best(bank, test, 1)?;
        let top1 = top1_of_each(&best, test_labels)?[chosen];
        if best_epoch.0 == 0 || top1 > best_epoch.1 {
            best_epoch = (epoch, top1);
        }
        progress(passes - epochs as usize + epoch as usize, passes);
        Ok(())
    })?;
    let best = rows.best(&bank, test, 5.min(classes))?;
    let of_chosen = best.f_select(1, chosen as i64)?;
    let tested = top1_of_each(&best.f_narrow(2, 0, 1)?, test_labels)?;
    let rates = settings
        .iter()
        .enumerate()
        .map(|(place, &(lr, weight_decay))| RateResult {
            lr,
            weight_decay,
            held_out_top1: held_out.get(place).copied(),
            test_top1: tested[place],
        })
        .collect();
    Ok(FastLinearResult {
        test: of_ranking(&of_chosen, test_labels, classes)?,
        best_epoch,
        rates,
        chosen,
        protocol: how.protocol(
            settings[chosen],
            settings.len(),
            (labels.len(), test.size()[0]),
            best_epoch.0,
        ),
    })
}

impl FastLinear {
    /// Passes over `images` training features.
    fn epochs_for(&self, images: usize) -> u64 {
        let steps = Order::new(images, self.batch_size, self.seed).steps_per_epoch();
        let usual = (UPDATES / steps).clamp(EPOCHS[0], EPOCHS[1]).max(LEAST_UPDATES.div_ceil(steps));
        self.epochs.unwrap_or(usual)
    }

    /// Trains a bank on the rows `members`; `after_epoch` sees it after every pass.
    fn learn(
        &self,
        rows: &Standardised<'_>,
        labels: &[i64],
        members: &[i64],
        classes: i64,
        settings: &[(f64, f64)],
        after_epoch: &mut dyn FnMut(u64, &Bank) -> Result<(), EvalError>,
    ) -> Result<Bank, EvalError> {
        let mut bank = Bank::new(settings, classes, rows.rows.size2()?.1, self.device)?;
        let order = Order::new(members.len(), self.batch_size, self.seed);
        let per_epoch = order.steps_per_epoch();
        let total = self.epochs_for(labels.len()) * per_epoch;
        for (step, batch) in (0..total).zip(order.batches(0, total)) {
            let chosen: Vec<i64> = batch.indices.iter().map(|&place| members[place as usize]).collect();
            let truth: Vec<i64> = chosen.iter().map(|&row| labels[row as usize]).collect();
            let truth = Tensor::f_from_slice(&truth)?.f_to_device(self.device)?;
            let part = 0.5 * (1.0 + (std::f64::consts::PI * step as f64 / total as f64).cos());
            bank.update(&rows.select(&chosen)?, &truth, part)?;
            if (step + 1).is_multiple_of(per_epoch) {
                after_epoch((step + 1) / per_epoch, &bank)?;
            }
        }
        Ok(bank)
    }

    /// Every value that defines the result.
    fn protocol(
        &self,
        (lr, weight_decay): (f64, f64),
        settings: usize,
        (train, test): (usize, i64),
        best_epoch: u64,
    ) -> Value {
        let selection = match settings {
            1 => "none: one setting".to_owned(),
            _ => format!(
                "on {:.0} % of each class of the training images, held out; then learned again from all of them",
                100.0 * self.held_out
            ),
        };
        json!({
            "name": evaluations::FAST,
            "features": "frozen, without augmentation, each standardised by mean and deviation over the training images",
            "classifier": "linear, zero at the start",
            "optimizer": "SGD",
            "momentum": MOMENTUM,
            "schedule": "cosine to 0, by step",
            "epochs": self.epochs_for(train),
            "batch_size": self.batch_size,
            "settings": settings,
            "lr": lr,
            "weight_decay": weight_decay,
            "selection": selection,
            "reported": "linear_top1 is the chosen setting after the last epoch",
            "test_set_selection": "linear_top1_best_epoch is its best epoch, chosen on the test set; \
                                   test_top1 of the other rates chose nothing",
            "best_epoch": best_epoch,
            "train_images": train,
            "test_images": test,
            "seed": self.seed,
            "twist": env!("CARGO_PKG_VERSION"),
        })
    }
}

/// Accuracy of each of R settings, from the most probable class `[N, R, 1]` and labels `[N]`.
fn top1_of_each(best: &Tensor, labels: &Tensor) -> Result<Vec<f64>, EvalError> {
    let hits = best.f_squeeze_dim(2)?.f_eq_tensor(&labels.f_unsqueeze(1)?)?;
    Ok(Vec::try_from(&hits.f_to_kind(Kind::Double)?.f_mean_dim([0i64].as_slice(), false, Kind::Double)?)?)
}

/// The place of the highest value, the first of equals; 0 without values.
fn first_highest(values: &[f64]) -> usize {
    (0..values.len()).reduce(|best, next| if values[next] > values[best] { next } else { best }).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two features decide between three classes, one never changes, one is noise of another size.
    fn features(rows: i64, seed: i64) -> (Tensor, Tensor) {
        let _numbers = torch_ext::RandomNumbers::seeded(seed);
        let labels = Tensor::arange(rows, (Kind::Int64, Device::Cpu)).remainder(3);
        let centres = Tensor::from_slice2(&[[0.0f32, 3.0], [3.0, 0.0], [-3.0, -3.0]]);
        let near =
            centres.index_select(0, &labels) + Tensor::randn([rows, 2], (Kind::Float, Device::Cpu)) * 1.5;
        let constant = Tensor::full([rows, 1], 7.0, (Kind::Float, Device::Cpu));
        let noise = Tensor::randn([rows, 1], (Kind::Float, Device::Cpu)) * 100.0;
        (Tensor::cat(&[near, constant, noise], 1), labels)
    }

    /// One classifier at one rate by autograd, as anybody would write it.
    fn naive(
        (train, labels): (&Tensor, &Tensor),
        (test, test_labels): (&Tensor, &Tensor),
        (lr, weight_decay): (f64, f64),
        how: &FastLinear,
    ) -> (f64, Tensor) {
        let mean = train.mean_dim([0i64].as_slice(), true, Kind::Float);
        let deviation = train.var_dim([0i64].as_slice(), false, true).sqrt();
        let deviation = deviation.where_self(&deviation.gt(1e-6), &Tensor::from(f32::INFINITY));
        let standard = |x: &Tensor| (x - &mean) / &deviation;
        let (x, y) = (standard(train), standard(test));
        let mut weight = Tensor::zeros([3, 4], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let mut bias = Tensor::zeros([3], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let (mut weight_buffer, mut bias_buffer) = (Tensor::zeros_like(&weight), Tensor::zeros_like(&bias));
        let order = Order::new(train.size()[0] as usize, how.batch_size, how.seed);
        let total = how.epochs.unwrap() * order.steps_per_epoch();
        for (step, batch) in order.batches(0, total).enumerate() {
            let rows = Tensor::from_slice(&batch.indices.iter().map(|&i| i64::from(i)).collect::<Vec<_>>());
            let logits = x.index_select(0, &rows).linear(&weight, Some(&bias));
            logits.cross_entropy_for_logits(&labels.index_select(0, &rows)).backward();
            let rate = lr * 0.5 * (1.0 + (std::f64::consts::PI * step as f64 / total as f64).cos());
            tch::no_grad(|| {
                weight_buffer = &weight_buffer * 0.9 + weight.grad() + &weight * weight_decay;
                bias_buffer = &bias_buffer * 0.9 + bias.grad();
                let _ = weight.subtract_(&(&weight_buffer * rate));
                let _ = bias.subtract_(&(&bias_buffer * rate));
            });
            weight.zero_grad();
            bias.zero_grad();
        }
        let predicted = y.linear(&weight, Some(&bias)).argmax(1, false);
        let top1 =
            predicted.eq_tensor(test_labels).to_kind(Kind::Double).mean(Kind::Double).double_value(&[]);
        (top1, weight.detach())
    }

    #[test]
    fn a_bank_is_as_many_naive_loops() {
        let ((train, labels), (test, test_labels)) = (features(200, 1), features(150, 2));
        let how = FastLinear {
            learning_rates: vec![1e-3, 1e-2, 0.3],
            weight_decays: vec![0.0, 0.1],
            epochs: Some(7),
            batch_size: 32,
            ..FastLinear::default()
        };
        let result = fast_linear((&train, &labels), (&test, &test_labels), 3, &how, &mut |_, _| {}).unwrap();
        assert_eq!(result.rates.len(), 6);
        let rows = Standardised::new(&train, &(0..train.size()[0]).collect::<Vec<_>>(), Device::Cpu).unwrap();
        let truth: Vec<i64> = Vec::try_from(&labels).unwrap();
        let all: Vec<i64> = (0..200).collect();
        let settings: Vec<(f64, f64)> =
            result.rates.iter().map(|rate| (rate.lr, rate.weight_decay)).collect();
        let bank = how.learn(&rows, &truth, &all, 3, &settings, &mut |_, _| Ok(())).unwrap();
        for (place, &setting) in settings.iter().enumerate() {
            let (top1, weight) = naive((&train, &labels), (&test, &test_labels), setting, &how);
            let ours = bank.weight.narrow(0, 3 * place as i64, 3);
            assert!(ours.allclose(&weight, 1e-3, 1e-4, false), "{setting:?}: {ours:?} {weight:?}");
            assert!((result.rates[place].test_top1 - top1).abs() < 1.5 / 150.0, "{setting:?}");
        }
        let best = result.rates.iter().filter_map(|rate| rate.held_out_top1).fold(0.0, f64::max);
        assert_eq!(result.rates[result.chosen].held_out_top1, Some(best));
        assert_eq!(result.test.top1, result.rates[result.chosen].test_top1);
        assert!(result.best_epoch.1 >= result.test.top1 && result.test.top1 > 0.8, "{:?}", result.test);
        assert_eq!(result.test.top5, None, "three classes have no fifth");
    }

    #[test]
    fn the_choice_never_sees_the_test_set() {
        let ((train, labels), (test, test_labels)) = (features(120, 3), features(60, 4));
        let how = FastLinear { epochs: Some(3), batch_size: 16, ..FastLinear::default() };
        let honest = fast_linear((&train, &labels), (&test, &test_labels), 3, &how, &mut |_, _| {}).unwrap();
        let wrong = (&test_labels + 1).remainder(3);
        let lied = fast_linear((&train, &labels), (&test, &wrong), 3, &how, &mut |_, _| {}).unwrap();
        assert_eq!(honest.chosen, lied.chosen);
        assert!(lied.test.top1 < 0.3 && honest.test.top1 > 0.8);
    }

    #[test]
    fn one_image_a_class_leaves_nothing_to_choose_by() {
        let (train, labels) = features(3, 5);
        let how = FastLinear { epochs: Some(2), ..FastLinear::default() };
        let pair = (&train, &labels);
        let error = fast_linear(pair, pair, 3, &how, &mut |_, _| {}).unwrap_err().to_string();
        assert!(error.contains("none of the 3 training images") && error.contains("--lr"), "{error}");
        let one = FastLinear { learning_rates: vec![0.1], weight_decays: vec![0.0], ..how };
        assert_eq!(fast_linear(pair, pair, 3, &one, &mut |_, _| {}).unwrap().rates.len(), 1);
    }

    #[test]
    fn epochs_beyond_all_counting_are_refused() {
        let (train, labels) = features(30, 5);
        let how = FastLinear { epochs: Some(u64::MAX), ..FastLinear::default() };
        let pair = (&train, &labels);
        let error = fast_linear(pair, pair, 3, &how, &mut |_, _| {}).unwrap_err().to_string();
        assert_eq!(error, "epochs is 18446744073709551615, but it has to be 1 to 1000000");
    }

    #[test]
    fn sums_over_blocks_standardise_as_the_whole_table_does() {
        // More rows than a block, far from 0, where float32 sums would be off.
        let rows = BLOCK + 5;
        let (noise, _) = features(rows, 7);
        let table = noise + 500.0;
        let over: Vec<i64> = (0..rows).filter(|row| row % 3 != 0).collect();
        let ours = Standardised::new(&table, &over, Device::Cpu).unwrap();
        let wide = table.index_select(0, &Tensor::from_slice(&over)).to_kind(Kind::Double);
        let mean = wide.mean_dim([0i64].as_slice(), true, Kind::Double);
        let scale = (&wide - &mean).square().mean_dim([0i64].as_slice(), true, Kind::Double).rsqrt();
        assert!(ours.mean.to_kind(Kind::Double).allclose(&mean, 1e-6, 1e-6, false));
        let varies = Tensor::from_slice(&[0i64, 1, 3]);
        let (found, expected) = (ours.scale.index_select(1, &varies), scale.index_select(1, &varies));
        assert!(found.to_kind(Kind::Double).allclose(&expected, 1e-5, 0.0, false), "{found:?} {expected:?}");
        assert_eq!(ours.scale.double_value(&[0, 2]), 0.0, "a feature that never changes becomes 0");
    }

    #[test]
    fn the_length_follows_the_number_of_images() {
        let how = FastLinear::default();
        assert_eq!([500, 50_000, 1_281_167].map(|images| how.epochs_for(images)), [500, 100, 10]);
    }
}
