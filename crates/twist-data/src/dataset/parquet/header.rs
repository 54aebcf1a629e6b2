//! The header of a page, in Thrift's compact protocol. The parquet library reads it as well, and takes the memory that it
//! claims; here its numbers are read to be compared first.

use std::collections::HashMap;
use std::io::Read;

use parquet::errors::{ParquetError, Result};

/// Most structs within each other: a header has statistics within a page's part.
const DEPTH: usize = 4;

/// The whole numbers of a page header (1 and 0 for true and false), by the number of their field and, within a part, of the field there.
#[derive(Debug, Default)]
pub(super) struct PageHeader(HashMap<(i16, i16), i64>);

impl PageHeader {
    /// Reads one header; what follows it stays in `input`.
    pub(super) fn read(input: &mut impl Read) -> Result<Self> {
        let mut header = Self::default();
        header.structure(input, None, 0)?;
        Ok(header)
    }

    /// One with these numbers, each with the fields that it is called by; the last of equal ones counts.
    #[cfg(test)]
    pub(super) fn of(fields: &[(i16, i16, i64)]) -> Self {
        Self(fields.iter().map(|&(part, field, number)| ((part, field), number)).collect())
    }

    /// A number of the header itself.
    pub(super) fn number(&self, field: i16) -> Result<i64> {
        self.within(field, 0)
    }

    /// A number of one of its parts.
    pub(super) fn within(&self, part: i16, field: i16) -> Result<i64> {
        let missing = || general(format!("a page header lacks its field {part}.{field}"));
        self.0.get(&(part, field)).copied().ok_or_else(missing)
    }

    pub(super) fn has(&self, part: i16) -> bool {
        self.0.keys().any(|&(of, field)| of == part && field != 0)
    }

    /// Keeps a number of the header or of one of its parts. Statistics, which are deeper, are not used.
    fn keep(&mut self, part: Option<i16>, depth: usize, field: i16, number: i64) {
        match (part, depth) {
            (None, _) => drop(self.0.insert((field, 0), number)),
            (Some(part), 1) => drop(self.0.insert((part, field), number)),
            _ => (),
        }
    }

    /// A struct: fields until the stop. `part` is the field of the header that it is.
    fn structure(&mut self, input: &mut impl Read, part: Option<i16>, depth: usize) -> Result<()> {
        if depth == DEPTH {
            return Err(general("a page header is too deep".into()));
        }
        let mut field = 0i16;
        loop {
            let head = byte(input)?;
            let (step, kind) = (head >> 4, head & 15);
            if kind == 0 {
                return Ok(());
            }
            let next =
                if step == 0 { i64::from(zigzag(input)? as i16) } else { i64::from(field) + i64::from(step) };
            field = i16::try_from(next)
                .map_err(|_| general("a page header has a field without a number".into()))?;
            match kind {
                // Truth is in the head itself.
                1 | 2 => self.keep(part, depth, field, i64::from(kind == 1)),
                3 => drop(byte(input)?),
                4..=6 => {
                    let number = zigzag(input)?;
                    self.keep(part, depth, field, number);
                }
                7 => skip(input, 8)?,
                8 => {
                    let length = varint(input)?;
                    skip(input, length)?;
                }
                12 => self.structure(input, part.or(Some(field)), depth + 1)?,
                _ => return Err(general(format!("a page header has a field of the unknown kind {kind}"))),
            }
        }
    }
}

/// Bytes of a file that contradict it.
pub(super) fn general(reason: String) -> ParquetError {
    ParquetError::General(reason)
}

fn byte(input: &mut impl Read) -> Result<u8> {
    let mut byte = [0];
    input.read_exact(&mut byte)?;
    Ok(byte[0])
}

/// Seven bits in each byte, the lowest first.
pub(super) fn varint(input: &mut impl Read) -> Result<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = byte(input)?;
        number |= u64::from(byte & 127) << shift;
        if byte < 128 {
            return Ok(number);
        }
    }
    Err(general("a number has more than 64 bits".into()))
}

/// Signed numbers, of which those near 0 are short.
pub(super) fn zigzag(input: &mut impl Read) -> Result<i64> {
    let number = varint(input)?;
    Ok((number >> 1) as i64 ^ -((number & 1) as i64))
}

fn skip(input: &mut impl Read, bytes: u64) -> Result<()> {
    match std::io::copy(&mut input.take(bytes), &mut std::io::sink())? {
        skipped if skipped == bytes => Ok(()),
        _ => Err(ParquetError::EOF("a page header is cut off".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_and_the_rest_is_passed_over() {
        let bytes = [
            // Kind 0, 150 bytes, stored in 75.
            &[0x15, 0, 0x15, 0xac, 2, 0x15, 0x96, 1][..],
            // The part of a data page: 9 values, encoding 8, then statistics with two strings and a number.
            &[0x2c, 0x15, 18, 0x15, 16, 0x3c, 0x18, 2, 7, 7, 0x18, 1, 7, 0x16, 4, 0, 0],
            // A double and a truth value of fields that are not known, then the stop.
            &[0x47, 0, 0, 0, 0, 0, 0, 0, 0, 0x11, 0, 99],
        ]
        .concat();
        let mut input = &bytes[..];
        let header = PageHeader::read(&mut input).unwrap();
        assert_eq!([1, 2, 3].map(|field| header.number(field).unwrap()), [0, 150, 75]);
        assert_eq!([1, 2].map(|field| header.within(5, field).unwrap()), [9, 8]);
        assert!(header.has(5) && !header.has(7) && header.within(5, 3).is_err());
        assert_eq!(header.number(10).unwrap(), 1);
        assert_eq!(input, [99]);
        for end in 0..bytes.len() - 2 {
            assert!(PageHeader::read(&mut &bytes[..end]).is_err(), "{end}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            let _ = PageHeader::read(&mut &bytes[..]);
        }
    }
}
