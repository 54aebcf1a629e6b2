//! Why an edit of the classes did not happen, and which answer that is.

use twist_io::Refused;
use twist_run::RunError;

use super::message::Reply;

/// Why names stay as they are.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotChanged {
    /// What was asked for cannot be.
    #[error(transparent)]
    Asked(#[from] Refused),
    /// The file cannot be used, whatever is asked for.
    #[error(transparent)]
    File(#[from] RunError),
}

impl From<NotChanged> for Reply {
    fn from(error: NotChanged) -> Self {
        let status = match error {
            NotChanged::File(_) => 500,
            NotChanged::Asked(_) => 409,
        };
        Self::refuse(status, error.to_string())
    }
}
