//! A trained network, and its features and predictions for images.
//!
//! A [`Model`] is weights with a card that says which backbone, head or classifier they are, how images are preprocessed,
//! and where the weights come from. It opens run folders, checkpoints and weight files; [`import()`] makes a model from the
//! weights of other programs, and [`export()`] writes one. [`EvalInput`] preprocesses images. [`FeatureCache`] computes the
//! features of each image once and keeps them; [`FeatureFile`] reads features that another program
//! computed. A [`Predictor`] turns features into classes, [`SimilarImages`] searches by them, and a [`TableSink`] writes
//! them row by row.
//!
//! The crate deliberately measures nothing (`twist-eval` does) and trains nothing: weights never change.
//!
//! Data flows from a `Dataset` through the loader's evaluation pipeline to the network, batch by batch, and from there into
//! the cache, a table, or any other receiver ([`stream_features`]). Memory does not grow with the number of images.
//!
//! ```no_run
//! use std::path::Path;
//! use tch::Device;
//! use twist_model::Model;
//!
//! # fn main() -> Result<(), twist_model::ModelError> {
//! let model = Model::load(Path::new("runs/folder_auto-1"), Device::Cpu)?;
//! println!("{} features, {:?}", model.card.feature_dim, model.card.head);
//! # Ok(())
//! # }
//! ```

mod checkpoint;
mod export;
mod hub;
mod library;
mod model;
mod published;
mod user_folder;

mod input;
mod watch;

mod features;
mod stream;

mod names;

mod blocks;
mod predict;

mod neighbours;
mod similar;

mod embed;
mod findings;
mod tables;

mod error;

pub use blocks::in_blocks;
pub use checkpoint::{CheckpointFacts, NetworkRecipe, Resizing};
pub use embed::{embedding_column, embedding_rows, embedding_schema};
pub use error::ModelError;
pub use export::{ExportOptions, Exporter, export, export_formats, exporter};
pub use features::{
    CacheUse, FeatureCache, FeatureFile, FeatureRows, FeatureSet, FeatureTable, NetworkOutputs, RowBuffer,
    check_labels, most_probable, unit_rows,
};
pub use findings::{finding_rows, finding_schema};
pub use hub::{HubError, HubName, Progress, Snapshot, fetch};
pub use input::{EvalInput, KeptCrops, ReadBatch};
pub use library::Library;
pub use model::{
    BackboneCard, ClassifierCard, FeatureScaling, Foreign, HeadCard, ImportOptions, Imported, Model,
    ModelCard, ModelName, NamedModel, ReleasedCheckpoint, STARTER, SplitCard, Starter, Weights, hex, import,
    import_own, in_key, released_filter, sha256_of, weights_hash,
};
pub use names::{is_of_labels, load_names, named_weights, names_file, names_of_model, usable_names};
pub use neighbours::{Neighbours, nearest};
pub use predict::{ClassSource, Predictions, Predictor, given_labels};
pub use published::{Description, Sizes};
pub use similar::{Similar, SimilarImages, is_one_image};
pub use stream::{FeatureBatch, StreamEvent, stream_features};
pub use tables::{
    TableFormat, TableSink, beside, embedding_field, table_in_file, table_in_stream, table_on_terminal,
};
pub use watch::Watch;
