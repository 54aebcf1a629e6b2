//! The losses as their formulas say them, pair by pair, for autograd: what the closed forms are held against.

use tch::{Kind, Tensor};
use twist_nn::{LossTerms, SelfLabelLoss, TeacherLoss, TwistLoss};

fn soft(x: &Tensor, temperature: f64) -> Tensor {
    (x / temperature).softmax(-1, None)
}

fn log(p: &Tensor, eps: f64) -> Tensor {
    (p + eps).log()
}

/// `Σ_k P (log P - log Q)`, the mean over images.
fn divergence(p: &Tensor, q: &Tensor, eps: f64) -> Tensor {
    (p * (log(p, eps) - log(q, eps))).sum_dim_intlist(-1i64, false, None).mean(None)
}

/// Mean entropy of a prediction, and entropy of the mean prediction.
fn entropies(q: &Tensor, eps: f64) -> (Tensor, Tensor) {
    let entropy = |p: &Tensor| -(p * log(p, eps)).sum_dim_intlist(-1i64, false, None);
    (entropy(q).mean(None), entropy(&q.mean_dim(0i64, false, None)))
}

fn mean(values: &[Tensor]) -> Tensor {
    Tensor::stack(values, 0).mean(None)
}

/// Every pair `i < j` with `i` one of the two global views has a loss of its own; their mean.
pub(crate) fn twist(loss: TwistLoss, logits: &Tensor, views: i64) -> LossTerms {
    let each = logits.chunk(views, 0);
    let (mut kl, mut sharpness, mut diversity) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..2 {
        for j in i + 1..views as usize {
            let (p, q) = (soft(&each[i], 1.0), soft(&each[j], 1.0));
            let one = divergence(&p, &q, loss.eps);
            kl.push(if loss.one_sided { one } else { (one + divergence(&q, &p, loss.eps)) * 0.5 });
            for view in [i, j] {
                let (sharp, diverse) = entropies(&soft(&each[view], loss.temperature), loss.eps);
                sharpness.push(sharp);
                diversity.push(diverse);
            }
        }
    }
    let (kl, sharpness, diversity) = (mean(&kl), mean(&sharpness), mean(&diversity));
    let total = &kl * loss.consistency + &sharpness * (1.0 + loss.lam1) - &diversity * loss.lam2;
    LossTerms { total, kl, sharpness, diversity }
}

/// Every student view against every other of the teacher's two.
pub(crate) fn teacher(loss: TeacherLoss, student: &Tensor, teacher: &Tensor, views: i64) -> LossTerms {
    let (students, teachers) = (student.chunk(views, 0), teacher.chunk(2, 0));
    let (mut kl, mut sharpness, mut diversity) = (Vec::new(), Vec::new(), Vec::new());
    for (s, student) in students.iter().enumerate() {
        let q = soft(student, loss.temperature);
        for (t, teacher) in teachers.iter().enumerate() {
            if t != s {
                kl.push(divergence(&soft(teacher, loss.temperature), &q, loss.eps));
            }
        }
        let (sharp, diverse) = entropies(&q, loss.eps);
        sharpness.push(sharp);
        diversity.push(diverse);
    }
    let (kl, sharpness, diversity) = (mean(&kl), mean(&sharpness), mean(&diversity));
    let total = &kl * loss.consistency + &sharpness * (1.0 + loss.lam1) - &diversity * loss.lam2;
    LossTerms { total, kl, sharpness, diversity }
}

/// Image by image: anchor, label, threshold of its group, and the cross entropy of the other views.
pub(crate) fn self_label(loss: SelfLabelLoss, logits: &Tensor, anchors: &Tensor, views: i64) -> Tensor {
    let images = logits.size()[0] / views;
    let group = loss.group.unwrap_or(images).min(images) as usize;
    let certainty = anchors.softmax(-1, Kind::Double);
    let sure = |view: i64, image: i64| certainty.get(view * images + image).max().double_value(&[]);
    let anchor: Vec<i64> = (0..images).map(|i| i64::from(sure(1, i) > sure(0, i))).collect();
    let confidence: Vec<f64> = (0..images).map(|i| sure(anchor[i as usize], i)).collect();
    let log_p = logits.log_softmax(-1, None);
    let mut of_groups = Vec::new();
    for first in (0..images as usize).step_by(group) {
        let mut sorted = confidence[first..first + group].to_vec();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let threshold = sorted[(loss.quantile * group as f64) as usize];
        let mut of_images = Vec::new();
        for image in (first..first + group).filter(|&image| confidence[image] > threshold) {
            let own = anchor[image];
            let label = anchors.get(own * images + image as i64).argmax(-1, false).int64_value(&[]);
            let others = (0..views).filter(|&view| view != own);
            of_images.extend(others.map(|view| -log_p.get(view * images + image as i64).get(label)));
        }
        if !of_images.is_empty() {
            of_groups.push(mean(&of_images));
        }
    }
    mean(&of_groups)
}
