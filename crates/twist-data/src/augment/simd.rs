//! Kernels for the best vector unit of the machine, without `unsafe` here.
//!
//! Kernels are plain loops over slices with fixed-width chunks, marked `inline(always)`. `pulp` inlines them into functions
//! compiled for AVX-512, AVX2 with FMA, NEON or the baseline, and picks one at run time; the compiler vectorises them there.

use pulp::{Arch, Simd, WithSimd};

/// A loop nest that is compiled once per instruction set.
pub(crate) trait Kernel {
    /// Runs it. `FUSED` says that the machine multiplies and adds in one instruction: elsewhere
    /// `f32::mul_add` would be a slow library call. Implementations are `#[inline(always)]`.
    fn run<const FUSED: bool>(self);
}

/// Runs a kernel with the best instruction set of this machine.
pub(crate) fn dispatch(kernel: impl Kernel) {
    struct Dispatch<K>(K);
    impl<K: Kernel> WithSimd for Dispatch<K> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) {
            if S::IS_SCALAR { self.0.run::<false>() } else { self.0.run::<true>() }
        }
    }
    Arch::new().dispatch(Dispatch(kernel));
}

/// Replaces each byte by what `new` makes of it. A closure that owns what it needs (`move`) is vectorised like any kernel.
pub(crate) fn each_byte(bytes: &mut [u8], new: impl Fn(u8) -> u8) {
    struct EachByte<'a, F>(&'a mut [u8], F);
    impl<F: Fn(u8) -> u8> Kernel for EachByte<'_, F> {
        #[inline(always)]
        fn run<const FUSED: bool>(self) {
            for byte in self.0 {
                *byte = self.1(*byte);
            }
        }
    }
    dispatch(EachByte(bytes, new));
}

/// `a * b + c`, in one instruction where there is one.
#[inline(always)]
pub(crate) fn mul_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// The nearest byte, halves up. The bias makes halves go up, as Pillow's `(x + 0.5)` does, and not to even.
#[inline(always)]
pub(crate) fn round_to_u8(x: f32) -> u8 {
    const HALVES_GO_UP: f32 = 1.0 / 4096.0;
    ((x.clamp(0.0, 255.0) + HALVES_GO_UP) + TWO_TO_23).to_bits() as u8
}

/// A number in `[0, 256)` without its fraction: the nearest integer, minus one where that is above. A cast with `as`
/// saturates, and vector units have no instruction for that.
#[inline(always)]
pub(crate) fn truncate_to_u8(x: f32) -> u8 {
    let shifted = x + TWO_TO_23;
    let above = shifted - TWO_TO_23 > x;
    (shifted.to_bits() as u8).wrapping_sub(u8::from(above))
}

/// A number in `[0, 2^52)` without its fraction.
#[inline(always)]
pub(crate) fn truncate(x: f64) -> u64 {
    (x.floor() + TWO_TO_52).to_bits() ^ TWO_TO_52.to_bits()
}

/// From here on floats are integers: added to a small number it leaves the nearest one in the lowest bits.
const TWO_TO_23: f32 = 8_388_608.0;

/// The same in double precision.
const TWO_TO_52: f64 = 4_503_599_627_370_496.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_and_truncating_agree_with_casts() {
        for i in 0..=255 * 1024 {
            let x = i as f32 / 1024.0;
            assert_eq!(truncate_to_u8(x), x as u8, "{x}");
            assert_eq!(round_to_u8(x), (x + 0.5).floor() as u8, "{x}");
        }
        for integer in 1..=255u8 {
            assert_eq!(truncate_to_u8(f32::from(integer).next_down()), integer - 1);
        }
        assert_eq!((round_to_u8(-3.0), round_to_u8(300.0)), (0, 255));
        for integer in [1, 2, 255, 1 << 20, (1 << 52) - 1] {
            assert_eq!(truncate(integer as f64), integer);
            assert_eq!(truncate((integer as f64).next_down()), integer - 1);
        }
    }
}
