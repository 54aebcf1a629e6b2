//! The pages of a column chunk. What a page claims is compared with the file before the parquet library takes memory for it.

use std::collections::VecDeque;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::schema::types::ColumnDescPtr;

use super::delta::check_strings;
use super::header::{PageHeader, general};
use super::shared_file::SharedFile;

/// What a page may take in memory: this much, and [`PER_BYTE`] as much as is stored of it, up to [`MOST`].
const FREE: u64 = 16 << 20;
const PER_BYTE: u64 = 64;
const MOST: u64 = 1 << 30;

/// The most that `stored` bytes may become.
pub(super) fn most_bytes(stored: u64) -> u64 {
    stored.saturating_mul(PER_BYTE).saturating_add(FREE).min(MOST)
}

/// Where a page lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    offset: u64,
    /// Bytes of its header and of its content.
    header: u64,
    stored: u64,
    /// Bytes of the content in memory.
    size: u64,
    /// Bytes in front of the content that are never compressed.
    levels: u64,
    is_compressed: bool,
    first_row: usize,
    values: usize,
    is_dictionary: bool,
    needs_dictionary: bool,
}

/// A column chunk whose page headers were checked.
pub(super) struct Chunk {
    file: SharedFile,
    column: ColumnDescPtr,
    compression: Compression,
    dictionary: Option<Place>,
    pages: Vec<Place>,
}

impl Chunk {
    /// Reads the headers of all pages of a column that is not repeated.
    pub(super) fn open(file: &SharedFile, group: &RowGroupMetaData, column: usize) -> Result<Arc<Self>> {
        let metadata = group.column(column);
        let rows = usize::try_from(group.num_rows())?;
        let start = metadata.dictionary_page_offset().unwrap_or_else(|| metadata.data_page_offset());
        let (mut offset, size) = (u64::try_from(start)?, u64::try_from(metadata.compressed_size())?);
        let end = offset.checked_add(size).filter(|&end| end <= file.len());
        let end =
            end.ok_or_else(|| general(format!("{size} bytes at {offset} lie beyond the end of the file")))?;
        let (compression, column) = (metadata.compression(), metadata.column_descr_ptr());
        let mut chunk = Self { file: file.clone(), column, compression, dictionary: None, pages: Vec::new() };
        let mut row = 0;
        while offset < end {
            let mut input = file.get_read(offset)?.take(end - offset);
            let header = PageHeader::read(&mut input)?;
            let read = end - offset - input.limit();
            let place = checked(&header, offset, read, end, row, rows)?;
            offset +=
                place.as_ref().map_or(read + u64::try_from(header.number(3)?)?, |p| p.header + p.stored);
            match place {
                Some(place) if place.is_dictionary => {
                    if chunk.dictionary.is_some() || !chunk.pages.is_empty() {
                        return Err(general("a column has a dictionary that is not its first page".into()));
                    }
                    chunk.dictionary = Some(place);
                }
                Some(place) => {
                    if place.needs_dictionary && chunk.dictionary.is_none() {
                        return Err(general("a page needs a dictionary, but the column has none".into()));
                    }
                    row += place.values;
                    chunk.pages.push(place);
                }
                // A page with an index holds no values.
                None => (),
            }
        }
        Ok(Arc::new(chunk))
    }

    pub(super) fn column(&self) -> ColumnDescPtr {
        self.column.clone()
    }

    /// All of its data pages.
    pub(super) fn all(&self) -> Range<usize> {
        0..self.pages.len()
    }

    /// The page that holds a row, and its rows.
    pub(super) fn page_of(&self, row: usize) -> Option<(usize, Range<usize>)> {
        let page = self.pages.partition_point(|page| page.first_row <= row).checked_sub(1)?;
        let place = &self.pages[page];
        Some((page, place.first_row..place.first_row + place.values))
    }

    /// Reads these data pages one after the other, with the dictionary before them where one needs it.
    pub(super) fn pages(self: &Arc<Self>, pages: Range<usize>) -> Box<dyn PageReader> {
        let data = &self.pages[pages];
        let dictionary = self.dictionary.filter(|_| data.iter().any(|page| page.needs_dictionary));
        let places = dictionary.iter().chain(data).copied().collect();
        Box::new(Pages { chunk: self.clone(), places })
    }

    /// Decompresses a page, and checks what it says of its values.
    fn read(&self, place: &Place) -> Result<Page> {
        // A page of levels alone has nothing to decompress.
        if matches!(self.compression, Compression::GZIP(_))
            && place.is_compressed
            && place.levels < place.size
        {
            self.check_gzip(place)?;
        }
        // The library is shown a chunk of this page alone.
        let metadata = ColumnChunkMetaData::builder(self.column())
            .set_compression(self.compression)
            .set_data_page_offset(i64::try_from(place.offset)?)
            .set_total_compressed_size(i64::try_from(place.header + place.stored)?)
            .build()?;
        let mut reader =
            SerializedPageReader::new(Arc::new(self.file.clone()), &metadata, place.values, None)?;
        let page = reader.get_next_page()?.ok_or_else(|| ParquetError::EOF("a page is missing".into()))?;
        let shared = page.encoding() == Encoding::DELTA_BYTE_ARRAY;
        if shared || page.encoding() == Encoding::DELTA_LENGTH_BYTE_ARRAY {
            let values = values_of(&page, self.column.max_def_level() > 0)?;
            check_strings(values, shared, place.values, most_bytes(place.stored))?;
        }
        Ok(page)
    }

    /// The library's gzip reads on however much comes, whatever the header says.
    fn check_gzip(&self, place: &Place) -> Result<()> {
        let start = place.offset + place.header + place.levels;
        let stored = self.file.get_bytes(start, usize::try_from(place.stored - place.levels)?)?;
        let most = place.size - place.levels;
        let mut content = MultiGzDecoder::new(&stored[..]).take(most + 1);
        if std::io::copy(&mut content, &mut std::io::sink())? > most {
            return Err(general(format!(
                "a page has more than the {} bytes that its header says",
                place.size
            )));
        }
        Ok(())
    }
}

/// The page of this header at `offset`; `None` for a page without values. Rows count from `row`, of `rows` in the group.
fn checked(
    header: &PageHeader,
    offset: u64,
    read: u64,
    end: u64,
    row: usize,
    rows: usize,
) -> Result<Option<Place>> {
    let (kind, size, stored) = (header.number(1)?, header.number(2)?, header.number(3)?);
    let left = end - offset - read;
    let (Ok(size), Ok(stored)) = (u64::try_from(size), u64::try_from(stored)) else {
        return Err(general(format!("a page of {size} bytes, stored in {stored}")));
    };
    if stored > left {
        return Err(general(format!("a page of {stored} bytes, but {left} are left")));
    }
    let most = most_bytes(stored);
    if size > most {
        return Err(general(format!(
            "a page claims {size} bytes, but {stored} are stored of it: at most {most} are read; write the \
             table with smaller pages"
        )));
    }
    // Parts of the header by the kind of the page: data, index, dictionary, data of version 2.
    const PARTS: [i16; 4] = [5, 6, 7, 8];
    let part = usize::try_from(kind).ok().and_then(|kind| PARTS.get(kind).copied());
    let part = part.ok_or_else(|| general(format!("a page is of the unknown kind {kind}")))?;
    if let Some(other) = [5, 7, 8].into_iter().find(|&other| other != part && header.has(other)) {
        return Err(general(format!("a page header contradicts itself: kind {kind} with the part {other}")));
    }
    if part == 6 {
        return Ok(None);
    }
    let values = header.within(part, 1)?;
    let count = u64::try_from(values).map_err(|_| general(format!("a page claims {values} values")))?;
    let encoding = header.within(part, if part == 8 { 4 } else { 2 })?;
    let is_dictionary = part == 7;
    // A value of a dictionary has at least 4 bytes; each row of a page is a row of the group.
    let most = if is_dictionary { size / 4 } else { (rows - row.min(rows)) as u64 };
    if count > most {
        let what = if is_dictionary { "dictionary of as many bytes" } else { "row group" };
        return Err(general(format!("a page claims {count} rows of a {what} that has {most}")));
    }
    let (mut levels, mut is_compressed) = (0, true);
    if part == 8 {
        let lengths = [header.within(8, 5)?, header.within(8, 6)?];
        levels =
            lengths.iter().map(|&length| u64::try_from(length)).sum::<Result<u64, _>>().unwrap_or(u64::MAX);
        if levels > size.min(stored) {
            return Err(general(format!("a page of {size} bytes claims levels of {lengths:?} bytes")));
        }
        // Without a word it is.
        is_compressed = header.within(8, 7).map_or(true, |is| is == 1);
    }
    // Both names of the encoding by a dictionary.
    let needs_dictionary = !is_dictionary && [2, 8].contains(&encoding);
    Ok(Some(Place {
        offset,
        header: read,
        stored,
        size,
        levels,
        is_compressed,
        first_row: row,
        values: usize::try_from(count)?,
        is_dictionary,
        needs_dictionary,
    }))
}

/// The bytes behind the levels.
fn values_of(page: &Page, has_levels: bool) -> Result<&[u8]> {
    let cut = || general("a page ends within its levels".into());
    let bytes = &page.buffer()[..];
    let levels = match page {
        Page::DataPageV2 { def_levels_byte_len, rep_levels_byte_len, .. } => {
            u64::from(*def_levels_byte_len) + u64::from(*rep_levels_byte_len)
        }
        Page::DataPage { def_level_encoding: Encoding::RLE, .. } if has_levels => {
            let length = bytes.first_chunk().map(|&length| u32::from_le_bytes(length)).ok_or_else(cut)?;
            4 + u64::from(length)
        }
        Page::DataPage { .. } if has_levels => {
            return Err(general("its levels have an obsolete encoding".into()));
        }
        _ => 0,
    };
    usize::try_from(levels).ok().and_then(|levels| bytes.get(levels..)).ok_or_else(cut)
}

/// Some pages of a chunk in their order.
struct Pages {
    chunk: Arc<Chunk>,
    places: VecDeque<Place>,
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.places.pop_front().map(|place| self.chunk.read(&place))
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        self.next().transpose()
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        Ok(self.places.front().map(|place| PageMetadata {
            num_rows: None,
            num_levels: Some(place.values),
            is_dict: place.is_dictionary,
        }))
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.places.pop_front();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the header is judged to be at byte 100 of a file of 1,100 bytes, in a group of 50 rows of which 10 were read.
    fn judged(fields: &[(i16, i16, i64)]) -> Result<Option<Place>, String> {
        let header = PageHeader::of(fields);
        checked(&header, 100, 20, 1_100, 10, 50).map_err(|error| error.to_string())
    }

    #[test]
    fn headers_are_compared_with_the_file() {
        let data = [(1, 0, 0), (2, 0, 900), (3, 0, 300), (5, 1, 40), (5, 2, 8)];
        let place = judged(&data).unwrap().unwrap();
        assert_eq!((place.stored, place.size, place.first_row, place.values), (300, 900, 10, 40));
        assert!(place.needs_dictionary && !place.is_dictionary);
        let with = |changes: &[(i16, i16, i64)]| judged(&[&data[..], changes].concat()).unwrap_err();
        let limit = 300 * PER_BYTE + FREE;
        assert!(with(&[(2, 0, limit as i64 + 1)]).contains(&format!("at most {limit}")));
        assert!(judged(&[&data[..], &[(2, 0, limit as i64)]].concat()).is_ok());
        assert_eq!(most_bytes(u64::MAX), MOST);
        for (changes, words) in [
            (&[(2, 0, -1)][..], "a page of -1 bytes"),
            (&[(3, 0, 981)], "980 are left"),
            (&[(5, 1, 41)], "claims 41 rows of a row group that has 40"),
            (&[(5, 1, -1)], "claims -1 values"),
            (&[(1, 0, 2)], "contradicts itself"),
            (&[(1, 0, 9)], "unknown kind 9"),
            (&[(8, 1, 3)], "contradicts itself"),
        ] {
            assert!(with(changes).contains(words), "{}", with(changes));
        }
        let dictionary = [(1, 0, 2), (2, 0, 400), (3, 0, 300), (7, 1, 101), (7, 2, 0)];
        assert!(judged(&dictionary).unwrap_err().contains("claims 101 rows of a dictionary"));
        let second = [
            (1, 0, 3),
            (2, 0, 400),
            (3, 0, 300),
            (8, 1, 9),
            (8, 4, 0),
            (8, 5, i64::from(i32::MAX)),
            (8, 6, 9),
        ];
        assert!(judged(&second).unwrap_err().contains("claims levels"));
        assert!(judged(&data[..4]).unwrap_err().contains("lacks its field 5.2"));
        assert!(judged(&[(1, 0, 1), (2, 0, 4), (3, 0, 4)]).unwrap().is_none());
    }
}
