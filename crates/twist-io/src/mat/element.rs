//! Elements: a tag, bytes, padding.

use super::damage::MatDamage;

/// Types of elements, by their number in a tag.
pub(super) mod kind {
    pub(in crate::mat) const INT8: u32 = 1;
    pub(in crate::mat) const UINT8: u32 = 2;
    pub(in crate::mat) const INT16: u32 = 3;
    pub(in crate::mat) const UINT16: u32 = 4;
    pub(in crate::mat) const INT32: u32 = 5;
    pub(in crate::mat) const UINT32: u32 = 6;
    pub(in crate::mat) const SINGLE: u32 = 7;
    pub(in crate::mat) const DOUBLE: u32 = 9;
    pub(in crate::mat) const INT64: u32 = 12;
    pub(in crate::mat) const UINT64: u32 = 13;
    pub(in crate::mat) const MATRIX: u32 = 14;
    pub(in crate::mat) const COMPRESSED: u32 = 15;
    pub(in crate::mat) const UTF8: u32 = 16;
    pub(in crate::mat) const UTF16: u32 = 17;
    pub(in crate::mat) const UTF32: u32 = 18;
}

/// Which byte of a number comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    /// The number in up to eight bytes.
    pub(super) fn unsigned(self, bytes: &[u8]) -> u64 {
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        match self {
            Self::Little => bytes.iter().rev().fold(0, add),
            Self::Big => bytes.iter().fold(0, add),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    pub(super) kind: u32,
    pub(super) data: &'a [u8],
}

/// Takes elements off the front of some bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elements<'a> {
    rest: &'a [u8],
    order: Order,
}

impl<'a> Elements<'a> {
    pub(super) fn new(bytes: &'a [u8], order: Order) -> Self {
        Self { rest: bytes, order }
    }

    /// Bytes not taken yet.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next element. What pads it is skipped, and may be missing at the very end.
    pub(super) fn next(&mut self) -> Result<Element<'a>, MatDamage> {
        let short = |promised: u64| MatDamage::Short { promised, left: self.rest.len() as u64 };
        let (tag, body) = self.rest.split_at_checked(8).ok_or_else(|| short(8))?;
        let first = self.order.unsigned(&tag[..4]) as u32;
        let (kind, inside) = (first & 0xffff, first >> 16);
        if inside > 0 {
            let data = tag[4..].get(..inside as usize).ok_or_else(|| short(u64::from(inside)))?;
            self.rest = body;
            return Ok(Element { kind, data });
        }
        let length = self.order.unsigned(&tag[4..]);
        let data = usize::try_from(length).ok().and_then(|length| body.get(..length));
        let data = data.ok_or_else(|| short(length))?;
        let padding = if kind == kind::COMPRESSED { 0 } else { data.len().next_multiple_of(8) - data.len() };
        self.rest = &body[(data.len() + padding).min(body.len())..];
        Ok(Element { kind, data })
    }
}

impl Element<'_> {
    /// Bytes of one number of this type; `None` for what is not a number.
    fn width(&self) -> Option<usize> {
        match self.kind {
            kind::INT8 | kind::UINT8 => Some(1),
            kind::INT16 | kind::UINT16 => Some(2),
            kind::INT32 | kind::UINT32 | kind::SINGLE => Some(4),
            kind::DOUBLE | kind::INT64 | kind::UINT64 => Some(8),
            _ => None,
        }
    }

    /// The numbers of this element. 64-bit integers beyond 2^53 are rounded.
    pub(super) fn numbers(&self, order: Order, what: &'static str) -> Result<Vec<f64>, MatDamage> {
        let width = self.width().ok_or(MatDamage::Type { what, got: self.kind })?;
        let number = |bytes: &[u8]| -> f64 {
            let bits = order.unsigned(bytes);
            match self.kind {
                kind::INT8 => f64::from(bits as u8 as i8),
                kind::INT16 => f64::from(bits as u16 as i16),
                kind::INT32 => f64::from(bits as u32 as i32),
                kind::INT64 => bits as i64 as f64,
                kind::SINGLE => f64::from(f32::from_bits(bits as u32)),
                kind::DOUBLE => f64::from_bits(bits),
                _ => bits as f64,
            }
        };
        Ok(self.data.chunks_exact(width).map(number).collect())
    }

    /// The characters of this element, each a Unicode scalar value or half of a UTF-16 pair.
    pub(super) fn units(&self, order: Order) -> Result<Vec<u32>, MatDamage> {
        let wide = |width| self.data.chunks_exact(width).map(|bytes| order.unsigned(bytes) as u32).collect();
        match self.kind {
            kind::INT8 | kind::UINT8 => Ok(wide(1)),
            kind::UTF8 => match std::str::from_utf8(self.data) {
                Ok(text) => Ok(text.chars().map(u32::from).collect()),
                Err(error) => Err(MatDamage::Text(u32::from(self.data[error.valid_up_to()]))),
            },
            kind::UINT16 | kind::UTF16 => Ok(wide(2)),
            kind::UINT32 | kind::UTF32 => Ok(wide(4)),
            got => Err(MatDamage::Type { what: "text", got }),
        }
    }
}
