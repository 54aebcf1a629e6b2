//! Single pages of a column of byte strings, decoded, and those read last.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::Result;

use super::chunk::Chunk;

/// The values of one page; `None` where a row has none.
pub(super) type Decoded = Vec<Option<ByteArray>>;

/// Decompresses data page number `page` of a column chunk, which has so many rows.
pub(super) fn read_page(chunk: &Arc<Chunk>, page: usize, rows: usize) -> Result<Decoded> {
    let full = chunk.column().max_def_level();
    let mut column = ColumnReaderImpl::<ByteArrayType>::new(chunk.column(), chunk.pages(page..page + 1));
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    column.read_records(rows, Some(&mut levels), None, &mut values)?;
    if full == 0 {
        return Ok(values.into_iter().map(Some).collect());
    }
    let mut values = values.into_iter();
    Ok(levels.into_iter().map(|level| if level == full { values.next() } else { None }).collect())
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
