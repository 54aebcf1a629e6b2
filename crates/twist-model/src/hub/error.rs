//! What can go wrong with the hub, and what to do then.

use std::fmt::Display;
use std::io;
use std::time::Duration;

use hf_hub::api::sync::ApiError;

use super::HubName;
use super::settings::Settings;

/// Why weights did not come from the hub, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{subject}: {reason}. {remedy}")]
pub struct HubError {
    subject: String,
    reason: String,
    remedy: &'static str,
}

const UNREACHABLE: &str = "Check the connection, set HF_ENDPOINT to a mirror, or copy the files of the repository into a \
                           folder and give its path. With HF_HUB_OFFLINE=1 only what was fetched before is used";
const SILENT: &str = "Run the command again: it continues what was begun. If that does not help, check the connection, or set \
                      HF_ENDPOINT to a mirror";
const GATED: &str = "Check the name. Some repositories are gated: open the page of the repository in a browser, accept its \
                     terms, make a token, and set HF_TOKEN to it";
const ANOTHER_TOKEN: &str = "Check the name. Some repositories are gated: the account of the token that is set (HF_TOKEN, or \
                             the file `token` in HF_HOME) has to accept the terms on the page of the repository";

impl HubError {
    pub(super) fn new(subject: impl Display, reason: impl Into<String>, remedy: &'static str) -> Self {
        Self { subject: subject.to_string(), reason: reason.into(), remedy }
    }

    /// The hub took the request and then said nothing for so long.
    pub(super) fn silent(name: &HubName, silence: Duration) -> Self {
        let reason = format!("the hub said nothing for {} seconds", silence.as_secs_f64());
        Self::new(name, reason, SILENT)
    }

    /// The hub, or what claims to be one, answers something else than expected.
    pub(super) fn answer(name: &HubName, what: impl Display) -> Self {
        Self::new(
            name,
            format!("the answer of the hub does not say {what}"),
            "Check HF_ENDPOINT, if it is set",
        )
    }

    pub(super) fn of_transfer(name: &HubName, settings: &Settings, error: ApiError) -> Self {
        let interrupted = |reason: String| {
            let reason = format!("the transfer broke off ({reason})");
            Self::new(name, reason, "The same command continues it")
        };
        match error {
            ApiError::TooManyRetries(last) => interrupted(last.to_string()),
            ApiError::IoError(error) => interrupted(error.to_string()),
            ApiError::LockAcquisition(_) => Self::new(
                name,
                "another process transfers the same file",
                "Wait for it, then run the command again",
            ),
            ApiError::RequestError(error) => match *error {
                ureq::Error::StatusCode(status @ (401 | 403)) => {
                    let remedy = if settings.token.is_some() { ANOTHER_TOKEN } else { GATED };
                    Self::new(name, format!("the hub refuses access ({status})"), remedy)
                }
                ureq::Error::StatusCode(404) => Self::new(
                    name,
                    "the hub has no such repository, revision or file (404)",
                    "Check the name: hf:ORG/NAME or hf:ORG/NAME@REVISION, for example hf:facebook/dinov2-small",
                ),
                ureq::Error::Json(_) => Self::answer(name, "which files the repository has"),
                other => Self::new(name, format!("the hub cannot be reached ({other})"), UNREACHABLE),
            },
            other => Self::answer(name, format!("what a file is ({other})")),
        }
    }
}

/// The cache cannot be read or written; the error has the path.
impl From<io::Error> for HubError {
    fn from(error: io::Error) -> Self {
        Self::new("the cache of the hub", error.to_string(), "HF_HOME names another folder for it")
    }
}
