//! The library's decoder, over bytes in memory.

use std::io::Cursor;

use tiff::decoder::Decoder;

pub(super) type Reader<'a> = Decoder<Cursor<&'a [u8]>>;
