//! Single pages of a column of byte strings.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};
use parquet::schema::types::ColumnDescPtr;

use crate::dataset::file_pool::open_file;

/// A file read by position. (The crate's own reader for files shares one cursor between threads.)
#[derive(Clone)]
pub(super) struct SharedFile {
    path: Arc<Path>,
    /// `None` where there are too many files: it is opened for each read.
    file: Option<Arc<File>>,
    size: u64,
}

impl SharedFile {
    /// Opens the file, and keeps it open when `kept`.
    pub(super) fn open(path: &Path, kept: bool) -> io::Result<Self> {
        let file = open_file(path)?;
        let size = file.metadata()?.len();
        Ok(Self { path: path.into(), file: kept.then(|| Arc::new(file)), size })
    }

    fn file(&self) -> io::Result<Arc<File>> {
        match &self.file {
            Some(file) => Ok(Arc::clone(file)),
            None => open_file(&self.path).map(Arc::new),
        }
    }
}

impl Length for SharedFile {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for SharedFile {
    type T = BufReader<Cursor>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::new(Cursor { file: self.file()?, at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.size) {
            return Err(ParquetError::EOF(format!(
                "{length} bytes at {start} lie beyond the end, {}",
                self.size
            )));
        }
        let mut bytes = vec![0; length];
        self.file()?.read_exact_at(&mut bytes, start)?;
        Ok(bytes.into())
    }
}

/// Reads on from a position.
pub(super) struct Cursor {
    file: Arc<File>,
    at: u64,
}

impl Read for Cursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// The first row of each data page of a column chunk, from the page headers.
pub(super) fn page_starts(mut chunk: Box<dyn PageReader>) -> Result<Vec<usize>> {
    let (mut starts, mut row) = (Vec::new(), 0);
    while let Some(PageMetadata { num_rows, num_levels, is_dict }) = chunk.peek_next_page()? {
        chunk.skip_next_page()?;
        if !is_dict {
            starts.push(row);
            // The column is not repeated, so a level is a row.
            row += num_rows.or(num_levels).unwrap_or(0);
        }
    }
    Ok(starts)
}

/// The values of one page; `None` where a row has none.
pub(super) type Decoded = Vec<Option<ByteArray>>;

/// Decompresses data page number `wanted` of a column chunk, which `open` opens from its start, and which has `most_rows` rows
/// in all.
pub(super) fn read_page(
    descriptor: ColumnDescPtr,
    open: &dyn Fn() -> Result<Box<dyn PageReader>>,
    wanted: usize,
    most_rows: usize,
) -> Result<Decoded> {
    let missing = || ParquetError::EOF("a column chunk ends before its last page".to_owned());
    let (mut chunk, mut skipped) = (open()?, 0);
    let page = loop {
        let next = chunk.peek_next_page()?.ok_or_else(missing)?;
        if next.is_dict {
            chunk.skip_next_page()?;
        } else if skipped < wanted {
            chunk.skip_next_page()?;
            skipped += 1;
        } else {
            break chunk.get_next_page()?.ok_or_else(missing)?;
        }
    };
    // Most pages of images hold the values themselves; the dictionary is decompressed only for those that need it.
    let mut pages = Vec::with_capacity(2);
    let uses_dictionary = matches!(
        page.encoding(),
        parquet::basic::Encoding::RLE_DICTIONARY | parquet::basic::Encoding::PLAIN_DICTIONARY
    );
    let rows = page.num_values() as usize;
    if rows > most_rows {
        // A run of equal levels takes a few bytes however long it is: what a page claims has to be within its row group.
        return Err(ParquetError::General(format!("a page claims {rows} rows of a group of {most_rows}")));
    }
    pages.push(page);
    if uses_dictionary {
        let dictionary = open()?.get_next_page()?.filter(Page::is_dictionary_page).ok_or_else(missing)?;
        pages.push(dictionary);
    }
    let full = descriptor.max_def_level();
    let mut column = ColumnReaderImpl::<ByteArrayType>::new(descriptor, Box::new(Pages(pages)));
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    column.read_records(rows, Some(&mut levels), None, &mut values)?;
    if full == 0 {
        return Ok(values.into_iter().map(Some).collect());
    }
    let mut values = values.into_iter();
    Ok(levels.into_iter().map(|level| if level == full { values.next() } else { None }).collect())
}

/// Pages already in memory, the last one first.
struct Pages(Vec<Page>);

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.pop().map(Ok)
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        Ok(self.0.pop())
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        Ok(self.0.last().map(|page| PageMetadata {
            num_rows: None,
            num_levels: Some(page.num_values() as usize),
            is_dict: page.is_dictionary_page(),
        }))
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.0.pop();
        Ok(())
    }
}

/// Most bytes of decompressed pages that are kept.
const CACHED: usize = 256 << 20;

/// The pages read last, by row group and number.
#[derive(Default)]
pub(super) struct PageCache(Mutex<Kept>);

/// What the lock guards; it is held to look up and to insert, never while reading.
#[derive(Default)]
struct Kept {
    pages: HashMap<(usize, usize), Entry>,
    bytes: usize,
    clock: u64,
}

struct Entry {
    page: Arc<Decoded>,
    bytes: usize,
    used: u64,
}

impl PageCache {
    /// The page, if it is kept.
    pub(super) fn get(&self, key: (usize, usize)) -> Option<Arc<Decoded>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clock += 1;
        let now = kept.clock;
        let entry = kept.pages.get_mut(&key)?;
        entry.used = now;
        Some(entry.page.clone())
    }

    /// Keeps a page, and drops those not used for longest when there are too many.
    pub(super) fn keep(&self, key: (usize, usize), page: Decoded) -> Arc<Decoded> {
        let bytes = page.iter().flatten().map(|value| value.len()).sum();
        let page = Arc::new(page);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clock += 1;
        let entry = Entry { page: page.clone(), bytes, used: kept.clock };
        kept.bytes += bytes;
        if let Some(replaced) = kept.pages.insert(key, entry) {
            kept.bytes -= replaced.bytes;
        }
        while kept.bytes > CACHED && kept.pages.len() > 1 {
            let Some(oldest) = kept.pages.iter().min_by_key(|(_, e)| e.used).map(|(&key, _)| key) else {
                break;
            };
            if let Some(dropped) = kept.pages.remove(&oldest) {
                kept.bytes -= dropped.bytes;
            }
        }
        page
    }
}
