//! Records and links that wait to be written.

use std::time::{Duration, Instant};

use super::RecordKey;
use super::block::{Kind, block_head};

/// From so many bytes on they are written.
const MOST_BYTES: usize = 4 << 20;
/// After so long they are written: a process that is killed loses at most the work of this time.
const MOST_TIME: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Pending {
    records: Vec<u8>,
    values: Vec<u8>,
    links: Vec<u8>,
    /// Of the first one.
    since: Option<Instant>,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.links.is_empty()
    }

    pub(super) fn is_due(&self) -> bool {
        let bytes = self.records.len() + self.values.len() + self.links.len();
        bytes >= MOST_BYTES || self.since.is_some_and(|since| since.elapsed() >= MOST_TIME)
    }

    pub(super) fn push(&mut self, key: RecordKey, value: &[u8]) {
        self.records.extend_from_slice(&key);
        self.records.extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.records.extend_from_slice(&crc32c::crc32c(value).to_le_bytes());
        self.values.extend_from_slice(value);
        self.since.get_or_insert_with(Instant::now);
    }

    pub(super) fn push_link(&mut self, from: RecordKey, to: RecordKey) {
        self.links.extend_from_slice(&from);
        self.links.extend_from_slice(&to);
        self.since.get_or_insert_with(Instant::now);
    }

    /// A block of the records, then one of the links: a link without its record would say nothing.
    pub(super) fn encode(&self, bytes: &mut Vec<u8>) {
        let Self { records, values, links, .. } = self;
        bytes.reserve(records.len() + values.len() + links.len() + 64);
        if !records.is_empty() {
            let all = records.len() + values.len();
            bytes.extend_from_slice(&block_head(Kind::Records, records.len() / 24, all, records));
            bytes.extend_from_slice(records);
            bytes.extend_from_slice(values);
        }
        if !links.is_empty() {
            bytes.extend_from_slice(&block_head(Kind::Links, links.len() / 32, links.len(), links));
            bytes.extend_from_slice(links);
        }
    }
}
