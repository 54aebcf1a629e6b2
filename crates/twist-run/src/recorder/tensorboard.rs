//! TensorBoard event files.
//!
//! The crates that write them have not been maintained for years, so this is the smallest writer that TensorBoard
//! reads: protobuf messages derived by hand (`tensorflow/core/util/event.proto`, `framework/summary.proto`, the fields
//! used here only) in TFRecord framing, which is, all little-endian:
//!
//! ```text
//! u64 length | u32 masked CRC-32C of the length | data | u32 masked CRC-32C of the data
//! ```

use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use fs_err::{File, OpenOptions};
use prost::Message;
use twist_io::open_own;

use super::Recorder;
use crate::{Event, EventKind, RunError, files};

/// Writes the figures of steps and evaluations as scalars.
#[derive(Debug)]
pub struct TensorBoard {
    file: File,
}

#[derive(Clone, PartialEq, Message)]
struct TfEvent {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<SummaryValue>,
}

#[derive(Clone, PartialEq, Message)]
struct SummaryValue {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

impl TensorBoard {
    /// Begins a new file in the run folder; TensorBoard joins the files of one folder, so a resumed run adds another.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn create(folder: &Path) -> Result<Self, RunError> {
        let seconds = wall_time();
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let name = format!("{}{:010}.{host}.{}", files::TENSORBOARD, seconds as u64, std::process::id());
        let file = open_own(folder.join(name), OpenOptions::new().append(true).create(true))?;
        let mut board = Self { file };
        let version = Some("brain.Event:2".to_string());
        board.write(&TfEvent { wall_time: seconds, step: 0, file_version: version, summary: None })?;
        Ok(board)
    }

    fn write(&mut self, event: &TfEvent) -> Result<(), RunError> {
        self.file.write_all(&frame(&event.encode_to_vec()))?;
        Ok(())
    }
}

impl Recorder for TensorBoard {
    fn record(&mut self, event: &Event) -> Result<(), RunError> {
        let value = scalars(&event.kind);
        if value.is_empty() {
            return Ok(());
        }
        let summary = Some(Summary { value });
        self.write(&TfEvent { wall_time: wall_time(), step: event.step as i64, file_version: None, summary })
    }
}

/// The numbers of an event under the group that TensorBoard shows them in.
fn scalars(what: &EventKind) -> Vec<SummaryValue> {
    let (group, figures) = match what {
        EventKind::Step(figures) => ("train", figures),
        EventKind::Eval(figures) => ("eval", figures),
        _ => return Vec::new(),
    };
    let finite = figures.iter().filter(|(_, value)| value.is_finite());
    finite
        .map(|(key, value)| SummaryValue { tag: format!("{group}/{key}"), simple_value: Some(value as f32) })
        .collect()
}

/// One record in TFRecord framing.
fn frame(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(data.len() + 16);
    record.extend_from_slice(&length);
    record.extend_from_slice(&masked_crc(&length).to_le_bytes());
    record.extend_from_slice(data);
    record.extend_from_slice(&masked_crc(data).to_le_bytes());
    record
}

/// CRC-32C, rotated and shifted so that a checksum of data that holds checksums stays meaningful.
fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn wall_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Figures, figure};

    /// The bytes that TensorBoard's own writer makes of the same events:
    ///
    /// ```python
    /// from tensorboard.compat.proto.event_pb2 import Event
    /// from tensorboard.compat.proto.summary_pb2 import Summary
    /// from tensorboard.summary.writer.record_writer import RecordWriter
    /// e = Event(wall_time=1.5, step=7, summary=Summary(value=[Summary.Value(tag="train/loss", simple_value=0.25)]))
    /// RecordWriter(open("x", "wb")).write(e.SerializeToString()); print(open("x", "rb").read().hex())
    /// ```
    const WRITTEN_BY_TENSORBOARD: &str = "200000000000000029eda95009000000000000f83f10072a\
        130a110a0a747261696e2f6c6f7373150000803ef4985d1a";

    #[test]
    fn records_equal_those_of_tensorboard() {
        let value = SummaryValue { tag: "train/loss".into(), simple_value: Some(0.25) };
        let summary = Some(Summary { value: vec![value] });
        let event = TfEvent { wall_time: 1.5, step: 7, file_version: None, summary };
        let hex: String = frame(&event.encode_to_vec()).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, WRITTEN_BY_TENSORBOARD);
    }

    #[test]
    fn steps_and_evaluations_become_scalars_and_nothing_else_does() {
        let names = |what: &EventKind| scalars(what).into_iter().map(|value| value.tag).collect::<Vec<_>>();
        let step: Figures = [(figure::LOSS, 1.0), (figure::KL, f64::NAN), (figure::CLASSES_IN_USE, 9.0)]
            .into_iter()
            .collect();
        assert_eq!(names(&EventKind::Step(step)), ["train/loss", "train/classes_in_use"]);
        assert_eq!(
            names(&EventKind::Eval([(figure::KNN_TOP1, 0.5)].into_iter().collect())),
            ["eval/knn_top1"]
        );
        assert!(names(&EventKind::Done { seconds: 1.0 }).is_empty());
    }
}
