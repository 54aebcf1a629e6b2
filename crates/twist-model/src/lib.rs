//! A trained network as people use it, and what it says of images.
//!
//! A [`Model`] is weights with a card: which backbone, head or classifier they are, how images become input, and where they
//! come from. It opens run folders, checkpoints and weight files alike; [`import()`] makes one of foreign weights, [`export()`] writes one.
//! [`EvalInput`] is how images reach it. [`FeatureCache`] computes the features of a data set once and maps them into
//! memory from then on; [`FeatureFile`] reads features that another program computed. A [`Predictor`] turns features into
//! classes, [`SimilarImages`] searches by them, and a [`TableSink`] writes them row by row.
//!
//! What it deliberately is not: it measures nothing (that is `twist-eval`) and trains nothing. Weights stay as they are.
//!
//! Data passes from a `Dataset` through the loader's evaluation pipeline to the network, batch by batch, and from there into
//! the cache, a table, or whoever asked ([`stream_features`]); memory does not grow with the number of images.
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

mod export;
mod model;

mod input;
mod watch;

mod features;
mod stream;

mod predict;

mod image_files;
mod neighbours;
mod similar;

mod embed;
mod tables;

mod error;

pub use embed::{embedding_column, embedding_rows, embedding_schema};
pub use error::ModelError;
pub use export::{Exporter, export, exporter};
pub use features::{
    FeatureCache, FeatureFile, FeatureKind, FeatureSet, FeatureTable, Features, Rows, most_probable,
    unit_rows,
};
pub use input::{EvalInput, KeptCrops, ReadBatch};
pub use model::{
    BackboneCard, ClassifierCard, FeatureScaling, HeadCard, ImportOptions, Imported, Model, ModelCard,
    ModelName, Weights, hex, import,
};
pub use neighbours::{Neighbours, nearest};
pub use predict::{ClassSource, Predictions, Predictor, given_labels};
pub use similar::{Similar, SimilarImages};
pub use stream::{FeatureBatch, StreamEvents, stream_features};
pub use tables::{TableFormat, TableSink, beside, embedding_field, table_in_file, table_in_stream};
pub use watch::Watch;
