//! What tells, without reading, that an image is the one that was read before.
//!
//! A file system keeps size, times and number of a file. Where all of them are as they were when the image was read, and were
//! *settled* then, nobody has written to the file since: every write changes the time of the last change (`ctime`), which no
//! program can set. A file that was written at the moment of reading may be written again within the same tick of the clock, so
//! its stamp is not settled, and neither is one in whole seconds: such file systems (FAT, images of discs) do not keep the time of
//! a change, or not finely enough. Images without a settled stamp are read, and known by their content.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use twist_io::RecordKey;

use super::{Dataset, Stored};
use crate::DataError;

/// How long before the reading a file must have been written last: more than the ticks of all file systems.
const SETTLED: Duration = Duration::from_secs(2);
/// Nanoseconds in a second.
const SECOND: i128 = 1_000_000_000;

/// State of the file that an image lies in, and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    key: RecordKey,
    /// When the file was written or changed last, whichever is later, in nanoseconds since 1970.
    newest: i128,
    is_fine: bool,
}

/// What a file system keeps of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    /// In bytes.
    pub size: u64,
    /// When its content was written last, in nanoseconds since 1970. Programs can set it.
    pub modified: i128,
    /// When anything of it changed last, in nanoseconds since 1970.
    pub changed: i128,
    /// Its number in its file system.
    pub inode: u64,
}

impl FileState {
    /// Of an open file or of a path.
    pub(crate) fn of(file: &Metadata) -> Self {
        let time = |seconds: i64, nanoseconds: i64| i128::from(seconds) * SECOND + i128::from(nanoseconds);
        Self {
            size: file.len(),
            modified: time(file.mtime(), file.mtime_nsec()),
            changed: time(file.ctime(), file.ctime_nsec()),
            inode: file.ino(),
        }
    }
}

impl Stamp {
    /// Of the image that is the part `part` (two numbers, such as offset and length) of the file `name`; the name is that below
    /// the folder of the data set, so that a folder can be moved.
    pub fn new(name: &[u8], part: [u64; 2], state: FileState) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"stamp 1");
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
        part.iter().for_each(|number| hash.update(number.to_le_bytes()));
        hash.update(state.size.to_le_bytes());
        hash.update(state.modified.to_le_bytes());
        hash.update(state.changed.to_le_bytes());
        hash.update(state.inode.to_le_bytes());
        Self {
            key: first_half(hash),
            newest: state.modified.max(state.changed),
            is_fine: state.changed % SECOND != 0,
        }
    }

    /// Of an image that is a file of its own; `None` where it cannot be looked at. A link stands for the file behind it.
    pub(crate) fn of_file(name: &[u8], path: &Path) -> Option<Self> {
        let found = fs_err::metadata(path).ok()?;
        found.is_file().then(|| Self::new(name, [0; 2], FileState::of(&found)))
    }

    /// Equal for equal stamps.
    pub fn key(&self) -> RecordKey {
        self.key
    }

    /// Whether the file cannot have been written since without another stamp, if it had this one at the time `read`.
    pub fn is_settled(&self, read: SystemTime) -> bool {
        let Ok(read) = read.duration_since(UNIX_EPOCH) else { return false };
        self.is_fine && self.newest + SETTLED.as_nanos() as i128 <= read.as_nanos() as i128
    }
}

/// The stored form of image `index`, and its stamp if that is settled and was the same before and after.
pub fn read_stamped(dataset: &dyn Dataset, index: usize) -> (Result<Stored, DataError>, Option<Stamp>) {
    let now = SystemTime::now();
    let before = dataset.stamp(index);
    let read = dataset.read(index);
    let settled = before.filter(|stamp| stamp.is_settled(now) && dataset.stamp(index) == before);
    (read, settled)
}

/// What an image is known by, whatever its name: SHA-256 of its bytes as stored, or of size and pixels where the source has no
/// encoding; the first 16 bytes. No file of an image begins with the word that stands before pixels.
pub fn content_key(stored: &Stored) -> RecordKey {
    let mut hash = Sha256::new();
    match stored {
        Stored::Encoded(bytes) => hash.update(bytes),
        Stored::Pixels(image) => {
            hash.update(b"pixels");
            hash.update(image.width.to_le_bytes());
            hash.update(image.height.to_le_bytes());
            hash.update(&image.pixels);
        }
    }
    first_half(hash)
}

fn first_half(hash: Sha256) -> RecordKey {
    let digest = hash.finalize();
    std::array::from_fn(|i| digest[i])
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: FileState =
        FileState { size: 10, modified: 5 * SECOND + 3, changed: 7 * SECOND + 9, inode: 4 };

    #[test]
    fn everything_counts() {
        let own = Stamp::new(b"a.jpg", [0, 0], STATE);
        assert_eq!(own, Stamp::new(b"a.jpg", [0, 0], STATE));
        let states = [
            FileState { size: 11, ..STATE },
            FileState { modified: STATE.modified + 1, ..STATE },
            FileState { changed: STATE.changed + 1, ..STATE },
            FileState { inode: 5, ..STATE },
        ];
        for state in states {
            assert_ne!(own.key(), Stamp::new(b"a.jpg", [0, 0], state).key(), "{state:?}");
        }
        for (name, part) in [(&b"b.jpg"[..], [0, 0]), (b"a.jpg", [1, 0]), (b"a.jpg", [0, 1])] {
            assert_ne!(own.key(), Stamp::new(name, part, STATE).key());
        }
    }

    #[test]
    fn what_was_written_just_now_is_not_settled() {
        let at = |nanoseconds: i128| UNIX_EPOCH + Duration::from_nanos(nanoseconds as u64);
        let of = |modified, changed| Stamp::new(b"a", [0, 0], FileState { modified, changed, ..STATE });
        let now = 100 * SECOND + 1;
        for (modified, changed, settled) in [
            (90 * SECOND, 97 * SECOND + 5, true),
            (90 * SECOND, 98 * SECOND + 1, true),
            // Within the last two seconds, by either time, or in the future.
            (90 * SECOND, 98 * SECOND + 2, false),
            (99 * SECOND, 97 * SECOND + 5, false),
            (200 * SECOND, 97 * SECOND + 5, false),
            // Times in whole seconds.
            (90 * SECOND, 97 * SECOND, false),
            (0, 0, false),
        ] {
            assert_eq!(of(modified, changed).is_settled(at(now)), settled, "{modified} {changed}");
        }
        assert!(!of(1, 1).is_settled(UNIX_EPOCH - Duration::from_secs(1)));
    }

    #[test]
    fn pixels_and_files_are_told_apart() {
        let image = crate::Rgb8::new(2, 1, vec![1, 2, 3, 4, 5, 6]).unwrap();
        let pixels = content_key(&Stored::Pixels(std::sync::Arc::new(image)));
        assert_ne!(pixels, content_key(&Stored::Encoded(vec![1, 2, 3, 4, 5, 6])));
        let turned = crate::Rgb8::new(1, 2, vec![1, 2, 3, 4, 5, 6]).unwrap();
        assert_ne!(pixels, content_key(&Stored::Pixels(std::sync::Arc::new(turned))));
    }
}
