//! Requests and replies, as plain data: handlers need no socket.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::shown;

/// What a browser asked for, after it was let in.
#[derive(Clone, Debug, Default)]
pub(super) struct Request {
    /// Whether something is to be changed or computed from a body.
    pub(super) post: bool,
    /// The path behind the token, without a leading slash.
    pub(super) path: String,
    /// The query, undecoded: only numbers and single words are asked for.
    pub(super) query: String,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// The value of a key of the query.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(name, _)| *name == key)
            .map(|pair| pair.1)
    }

    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Reply> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Reply::refuse(400, format!("the request is not the expected JSON: {error}")))
    }
}

/// What a handler gives: the reply, or the one that says why not.
pub(super) type Answer = Result<Reply, Reply>;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) mime: &'static str,
    pub(super) body: Vec<u8>,
    /// Whether the browser may keep it while the server runs.
    pub(super) keep: bool,
    /// A file name, for what is saved and not shown.
    pub(super) save_as: Option<&'static str>,
}

impl Reply {
    /// Bytes of a kind.
    pub(super) fn bytes(mime: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, mime, body: body.into(), keep: false, save_as: None }
    }

    /// A JSON value, of text that is shown.
    pub(super) fn json(value: &Value) -> Self {
        Self::bytes("application/json", shown::json(value))
    }

    pub(super) fn done() -> Self {
        Self::json(&json!({}))
    }

    pub(super) fn refuse(status: u16, why: impl Into<String>) -> Self {
        Self { status, ..Self::json(&json!({ "error": why.into() })) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_by_key() {
        let request = Request { query: "class=7&page=2&x".into(), ..Request::default() };
        assert_eq!(
            (request.value("page"), request.value("x"), request.value("clas")),
            (Some("2"), None, None)
        );
    }
}
