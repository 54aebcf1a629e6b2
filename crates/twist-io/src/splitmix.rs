//! Numbers that look random, as a function of a counter.

/// By what SplitMix64's counter moves on: 2^64 divided by the golden ratio.
pub const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The number of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) behind a state: a bijection that makes unrelated numbers of
/// neighbouring ones. The state behind that is [`GOLDEN`] further on.
#[inline]
pub fn splitmix(state: u64) -> u64 {
    let mut z = state.wrapping_add(GOLDEN);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_reference_implementation() {
        // <https://prng.di.unimi.it/splitmix64.c>, seeded with 1234567.
        let numbers =
            [0, 1, 2].map(|place: u64| splitmix(GOLDEN.wrapping_mul(place).wrapping_add(1_234_567)));
        assert_eq!(
            numbers,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }
}
