//! L-BFGS: Newton's method with an inverse Hessian that is made of the last few steps (Nocedal and Wright 2006,
//! "Numerical Optimization", algorithms 7.4 and 7.5), and a line search that halves and doubles until the weak Wolfe
//! conditions hold (Lewis and Overton 2013).

use std::collections::VecDeque;

use tch::{Kind, Tensor};

use crate::EvalError;

/// Steps that the inverse Hessian is made of.
const MEMORY: usize = 10;
/// The value has to fall by this share of what the slope promises.
const SUFFICIENT: f64 = 1e-4;
/// The slope has to fall to this share.
const CURVATURE: f64 = 0.9;
/// Points that one line search looks at.
const TRIALS: usize = 30;

/// Where the search ended.
#[derive(Debug)]
pub(super) struct Minimum {
    pub(super) point: Tensor,
    pub(super) value: f64,
    pub(super) iterations: usize,
    pub(super) converged: bool,
}

/// A point with the value and the gradient there.
struct Place {
    point: Tensor,
    value: f64,
    gradient: Tensor,
}

/// Minimises a function of a vector, which gives its value and gradient, from `start` on.
pub(super) fn minimise(
    start: Tensor,
    iterations: usize,
    tolerance: f64,
    mut function: impl FnMut(&Tensor) -> Result<(f64, Tensor), EvalError>,
) -> Result<Minimum, EvalError> {
    let rounding = if start.kind() == Kind::Double { f64::EPSILON } else { f64::from(f32::EPSILON) };
    let (value, gradient) = function(&start)?;
    let mut here = Place { point: start, value, gradient };
    let mut steps = Steps::default();
    let end = |here: Place, iterations, converged| {
        Ok(Minimum { point: here.point, value: here.value, iterations, converged })
    };
    for iteration in 0..iterations {
        if largest(&here.gradient)? <= tolerance {
            return end(here, iteration, true);
        }
        let mut direction = steps.direction(&here.gradient)?;
        if dot(&direction, &here.gradient)? >= 0.0 {
            // Rounding spoilt the inverse Hessian.
            steps = Steps::default();
            direction = here.gradient.f_neg()?;
        }
        let first = if steps.0.is_empty() { 1.0 / length(&here.gradient)?.max(1.0) } else { 1.0 };
        // Values closer than rounding are equal: near the minimum, the slope alone says which way is down.
        let noise = rounding * here.value.abs();
        let Some(there) = line_search(&here, &direction, first, noise, &mut function)? else {
            return end(here, iteration, false);
        };
        let gained = here.value - there.value;
        steps.push(&here, &there)?;
        here = there;
        if gained.abs() <= noise {
            return end(here, iteration + 1, true);
        }
    }
    let converged = largest(&here.gradient)? <= tolerance;
    end(here, iterations, converged)
}

/// The first point found along `direction` where value and slope have fallen enough; `None` if no point does.
fn line_search(
    here: &Place,
    direction: &Tensor,
    first: f64,
    noise: f64,
    function: &mut impl FnMut(&Tensor) -> Result<(f64, Tensor), EvalError>,
) -> Result<Option<Place>, EvalError> {
    let slope = dot(direction, &here.gradient)?;
    let (mut low, mut high, mut step) = (0.0, f64::INFINITY, first);
    for _ in 0..TRIALS {
        let point = here.point.f_add(&direction.f_mul_scalar(step)?)?;
        let (value, gradient) = function(&point)?;
        let fell = value <= here.value + SUFFICIENT * step * slope + noise;
        if !fell {
            high = step;
        } else if dot(direction, &gradient)? < CURVATURE * slope {
            low = step;
        } else {
            return Ok(Some(Place { point, value, gradient }));
        }
        step = if high.is_finite() { 0.5 * (low + high) } else { 2.0 * low };
    }
    Ok(None)
}

/// The last steps: change of the point, change of the gradient, and 1 over their product.
#[derive(Default)]
struct Steps(VecDeque<(Tensor, Tensor, f64)>);

impl Steps {
    /// Remembers a step, unless the function was not convex along it, as far as rounding lets one see.
    fn push(&mut self, from: &Place, to: &Place) -> Result<(), EvalError> {
        let moved = to.point.f_sub(&from.point)?;
        let changed = to.gradient.f_sub(&from.gradient)?;
        let product = dot(&moved, &changed)?;
        if product > 1e-10 * length(&moved)? * length(&changed)? {
            if self.0.len() == MEMORY {
                self.0.pop_front();
            }
            self.0.push_back((moved, changed, 1.0 / product));
        }
        Ok(())
    }

    /// Minus the inverse Hessian times the gradient: the two loops of algorithm 7.4.
    fn direction(&self, gradient: &Tensor) -> Result<Tensor, EvalError> {
        let mut direction = gradient.f_neg()?;
        let mut factors = Vec::with_capacity(self.0.len());
        for (moved, changed, inverse) in self.0.iter().rev() {
            let factor = inverse * dot(moved, &direction)?;
            direction = direction.f_sub(&changed.f_mul_scalar(factor)?)?;
            factors.push(factor);
        }
        if let Some((_, changed, inverse)) = self.0.back() {
            direction = direction.f_div_scalar(inverse * dot(changed, changed)?)?;
        }
        for ((moved, changed, inverse), factor) in self.0.iter().zip(factors.into_iter().rev()) {
            let back = inverse * dot(changed, &direction)?;
            direction = direction.f_add(&moved.f_mul_scalar(factor - back)?)?;
        }
        Ok(direction)
    }
}

/// The product of two vectors, summed in float64.
fn dot(a: &Tensor, b: &Tensor) -> Result<f64, EvalError> {
    Ok(f64::try_from(&a.f_mul(b)?.f_sum(Kind::Double)?)?)
}

fn length(a: &Tensor) -> Result<f64, EvalError> {
    Ok(dot(a, a)?.sqrt())
}

/// The largest component, without its sign.
fn largest(a: &Tensor) -> Result<f64, EvalError> {
    Ok(f64::try_from(&a.f_abs()?.f_max()?.f_to_kind(Kind::Double)?)?)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn rosenbrocks_valley_is_walked_to_its_end() {
        // f(x, y) = (1 - x)² + 100 (y - x²)², least at (1, 1).
        let valley = |point: &Tensor| {
            let v = Vec::<f64>::try_from(point).unwrap();
            let (a, b) = (1.0 - v[0], v[1] - v[0] * v[0]);
            let gradient = [-2.0 * a - 400.0 * b * v[0], 200.0 * b];
            Ok((a * a + 100.0 * b * b, Tensor::from_slice(&gradient)))
        };
        let found = minimise(Tensor::from_slice(&[-1.2, 1.0]), 200, 1e-10, valley).unwrap();
        assert!(found.converged && found.iterations < 100, "{found:?}");
        let point = Vec::<f64>::try_from(&found.point).unwrap();
        assert!((point[0] - 1.0).abs() < 1e-8 && (point[1] - 1.0).abs() < 1e-8, "{point:?}");
    }

    #[test]
    fn a_quadratic_of_bad_scale_is_solved_in_both_kinds() {
        for (kind, tolerance, close) in [(Kind::Double, 1e-9, 1e-8), (Kind::Float, 1e-4, 1e-2)] {
            let scale = Tensor::logspace(0, 3, 20, 10.0, (kind, Device::Cpu));
            let goal = Tensor::arange(20, (kind, Device::Cpu)) * 0.1;
            let bowl = |point: &Tensor| {
                let off = point - &goal;
                let value = (&off * &off * &scale).sum(Kind::Double).double_value(&[]) / 2.0;
                Ok((value, off * &scale))
            };
            let found = minimise(goal.zeros_like(), 500, tolerance, bowl).unwrap();
            assert!(found.converged, "{kind:?}: {}", found.iterations);
            assert!((found.point - &goal).abs().max().double_value(&[]) < close, "{kind:?}");
        }
    }

    #[test]
    fn the_end_of_the_steps_is_said() {
        let valley = |point: &Tensor| {
            let x = point.double_value(&[0]);
            Ok((x * x * x * x, Tensor::from_slice(&[4.0 * x * x * x])))
        };
        let found = minimise(Tensor::from_slice(&[3.0]), 2, 1e-12, valley).unwrap();
        assert!(!found.converged && found.iterations == 2);
    }
}
