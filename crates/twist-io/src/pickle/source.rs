//! The bytes of a pickle, taken one piece at a time; nothing is reserved for a length that is only claimed.

use std::io::{self, Read};

use super::damage::{Fault, PickleDamage};

/// Most bytes of one pickle: its strings, names and numbers, without tensors. A network of a million tensors has fewer.
pub(super) const MAX_PICKLE: u64 = 256 << 20;

/// A reader that knows where it is and where it must end.
pub(super) struct ByteReader<R> {
    reader: R,
    at: u64,
    end: u64,
}

impl<R: Read> ByteReader<R> {
    /// A source of the `length` bytes that the reader still has.
    pub(super) fn new(reader: R, length: u64) -> Self {
        Self { reader, at: 0, end: length }
    }

    /// Bytes taken so far.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// What reads them; it may be further ahead.
    pub(super) fn into_reader(self) -> R {
        self.reader
    }

    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        if self.end - self.at < N as u64 {
            return Err(PickleDamage::Cut { at: self.end }.into());
        }
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// So many bytes, if there are as many.
    pub(super) fn bytes(&mut self, length: u64) -> Result<Vec<u8>, Fault> {
        let left = self.end - self.at;
        if length > left {
            return Err(PickleDamage::Claim { at: self.at, claimed: length, left }.into());
        }
        if length > MAX_PICKLE {
            return Err(PickleDamage::Limit { what: "bytes of text", most: MAX_PICKLE }.into());
        }
        let mut bytes = vec![0; length as usize];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// Text as long as it claims.
    pub(super) fn text(&mut self, length: u64) -> Result<String, Fault> {
        let at = self.at;
        String::from_utf8(self.bytes(length)?).map_err(|_| PickleDamage::Text { at }.into())
    }

    /// Text up to the end of its line, without it.
    pub(super) fn line(&mut self) -> Result<String, Fault> {
        let at = self.at;
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => break,
                _ if line.len() as u64 >= MAX_PICKLE => {
                    return Err(PickleDamage::Limit { what: "bytes of text", most: MAX_PICKLE }.into());
                }
                byte => line.push(byte),
            }
        }
        String::from_utf8(line).map_err(|_| PickleDamage::Text { at }.into())
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Fault> {
        self.reader.read_exact(bytes).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => Fault::Damage(PickleDamage::Cut { at: self.at }),
            // How the zip crate says that a checksum is wrong.
            io::ErrorKind::InvalidData | io::ErrorKind::Other => {
                Fault::Damage(PickleDamage::Archive(source.to_string()))
            }
            _ => Fault::Os(source),
        })?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}
