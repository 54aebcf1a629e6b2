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

/// `a * b + c`, in one instruction where there is one.
#[inline(always)]
pub(crate) fn mul_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// The nearest byte, halves up: adding 2^23 leaves the integer in the lowest bits of the float, which is cheaper than a
/// saturating cast. The bias makes halves go up, as Pillow's `(x + 0.5)` does, and not to even.
#[inline(always)]
pub(crate) fn round_to_u8(x: f32) -> u8 {
    const HALVES_GO_UP: f32 = 1.0 / 4096.0;
    ((x.clamp(0.0, 255.0) + HALVES_GO_UP) + 8_388_608.0).to_bits() as u8
}

/// A number in `[0, 256)` without its fraction, as a byte.
#[inline(always)]
pub(crate) fn truncate_to_u8(x: f32) -> u8 {
    x as i32 as u8
}
