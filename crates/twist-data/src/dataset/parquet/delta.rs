//! Pages of byte strings that store lengths as differences (`DELTA_LENGTH_BYTE_ARRAY`, `DELTA_BYTE_ARRAY`): the parquet
//! library takes memory for as many lengths as a page claims, and joins each string with a part of the one before, so
//! a few bytes can stand for any amount. Here the lengths are read and added up first.

use parquet::errors::Result;

use super::header::{general, varint, zigzag};

/// Checks the strings of a page with at most `rows` of them, which have to lie in `bytes` and to take at most `most` bytes; where
/// `shared`, they begin with a part of the string before.
pub(super) fn check_strings(mut bytes: &[u8], shared: bool, rows: usize, most: u64) -> Result<()> {
    let beginnings = if shared { Some(lengths(&mut bytes, rows)?) } else { None };
    let own = lengths(&mut bytes, rows)?;
    let stored: u64 = own.iter().sum();
    if stored > bytes.len() as u64 {
        return Err(general(format!("its strings take {stored} bytes, but {} are there", bytes.len())));
    }
    let joined = beginnings.iter().flatten().sum::<u64>().saturating_add(stored);
    if joined > most {
        return Err(general(format!("its strings take {joined} bytes: at most {most} are read")));
    }
    Ok(())
}

/// Reads numbers from 0 that are packed as differences (`DELTA_BINARY_PACKED`); `bytes` moves behind them.
fn lengths(bytes: &mut &[u8], most: usize) -> Result<Vec<u64>> {
    let (block, parts, count) = (varint(bytes)?, varint(bytes)?, varint(bytes)?);
    let mut value = zigzag(bytes)? as i32;
    let (Ok(block), Ok(parts)) = (usize::try_from(block), usize::try_from(parts)) else {
        return Err(general("a block of lengths has no size".into()));
    };
    if block == 0 || parts == 0 || !block.is_multiple_of(parts) || !(block / parts).is_multiple_of(32) {
        return Err(general(format!("blocks of {block} lengths in {parts} parts")));
    }
    if count > most as u64 {
        return Err(general(format!("it claims {count} lengths for {most} rows")));
    }
    let count = count as usize;
    let each = block / parts;
    let mut found = Vec::with_capacity(count);
    let length = |value: i32| u64::try_from(value).map_err(|_| general(format!("a length is {value}")));
    if count > 0 {
        found.push(length(value)?);
    }
    while found.len() < count {
        let least = zigzag(bytes)? as i32;
        let widths = take(bytes, parts)?;
        for &width in widths {
            // The parts behind the last number have widths without meaning.
            if found.len() == count {
                break;
            }
            let width = usize::from(width);
            if width > 32 {
                return Err(general(format!("a length has {width} bits")));
            }
            let size = width.checked_mul(each / 8).ok_or_else(|| general("a block is too long".into()))?;
            let packed = take(bytes, size)?;
            for place in 0..each.min(count - found.len()) {
                value = value.wrapping_add(least).wrapping_add(bits(packed, place * width, width) as i32);
                found.push(length(value)?);
            }
        }
    }
    Ok(found)
}

/// `width` bits from bit `start` on, at most 32.
fn bits(packed: &[u8], start: usize, width: usize) -> u32 {
    let mut word = [0; 8];
    let from = start / 8;
    let to = (from + 8).min(packed.len());
    word[..to - from.min(to)].copy_from_slice(&packed[from.min(to)..to]);
    ((u64::from_le_bytes(word) >> (start % 8)) & ((1 << width) - 1)) as u32
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8]> {
    let (taken, rest) =
        bytes.split_at_checked(count).ok_or_else(|| general("its lengths are cut off".into()))?;
    *bytes = rest;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `7, 5, 3, 1, 2, 3, 4, 5`, the example of the format's specification, and a byte behind them.
    fn example() -> Vec<u8> {
        // One block of 128 in 4 parts; 8 numbers from 7 on; least difference -2, then 0 0 0 3 3 3 3 in two bits each.
        let mut bytes = vec![0x80, 1, 4, 8, 14, 3, 2, 9, 9, 9];
        bytes.extend(0b11_00_00_00u8.to_le_bytes());
        bytes.extend([0b00_11_11_11, 0, 0, 0, 0, 0, 0, 77]);
        bytes
    }

    #[test]
    fn lengths_are_unpacked() {
        let bytes = example();
        let mut rest = &bytes[..];
        assert_eq!(lengths(&mut rest, 8).unwrap(), [7, 5, 3, 1, 2, 3, 4, 5]);
        assert_eq!(rest, [77]);
        for end in 0..bytes.len() - 1 {
            assert!(lengths(&mut &bytes[..end], 8).is_err(), "{end}");
        }
        assert!(lengths(&mut &bytes[..], 7).unwrap_err().to_string().contains("claims 8 lengths for 7 rows"));
    }

    #[test]
    fn strings_have_to_be_there_and_to_fit() {
        let strings = [&example()[..18], &[0; 30]].concat();
        check_strings(&strings, false, 8, 30).unwrap();
        let said =
            |bytes: &[u8], shared, most| check_strings(bytes, shared, 8, most).unwrap_err().to_string();
        assert!(said(&strings, false, 29).contains("take 30 bytes: at most 29"));
        assert!(said(&strings[..40], false, 99).contains("take 30 bytes, but 22 are there"));
        let shared = [&example()[..18], &strings].concat();
        check_strings(&shared, true, 8, 60).unwrap();
        assert!(said(&shared, true, 59).contains("take 60 bytes"));
        // A first length of -1.
        assert!(said(&[0x80, 1, 4, 1, 1], false, 99).contains("a length is -1"));
        assert!(said(&[0x80, 1, 0, 1, 0], false, 99).contains("0 parts"));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64), shared: bool) {
            let _ = check_strings(&[&[0x80, 1, 4][..], &bytes].concat(), shared, 100, 1_000);
        }
    }
}
