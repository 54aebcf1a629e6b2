//! Where text goes: a file that appears when it is finished, or a stream.

use std::io::Write;
use std::path::Path;

use twist_io::{AtomicFile, Refused};

use super::sink::NOT_WRITTEN;
use crate::ModelError;

/// Takes bytes.
pub(super) enum Destination {
    /// A file under its unfinished name.
    File(AtomicFile),
    /// Written as it comes.
    Stream(Box<dyn Write>),
}

impl Destination {
    /// A file that will be called `path`.
    pub(super) fn file(path: &Path) -> Result<Self, ModelError> {
        Ok(Self::File(AtomicFile::create(path)?))
    }

    /// Adds bytes; a stream has them at once.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), ModelError> {
        match self {
            Self::File(file) => Ok(file.write(|out| out.write_all(bytes))?),
            Self::Stream(stream) => {
                let written = stream.write_all(bytes).and_then(|()| stream.flush());
                Ok(written.map_err(|source| Refused::new(NOT_WRITTEN).caused_by(source))?)
            }
        }
    }

    /// Flushes a file to the disk, without its name.
    pub(super) fn seal(&mut self) -> Result<(), ModelError> {
        match self {
            Self::File(file) => Ok(file.seal()?),
            Self::Stream(_) => Ok(()),
        }
    }

    /// Gives a file its name.
    pub(super) fn finish(self) -> Result<(), ModelError> {
        match self {
            Self::File(file) => Ok(file.finish()?),
            Self::Stream(_) => Ok(()),
        }
    }
}
