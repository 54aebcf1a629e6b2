//! Pictures inside the page: every thumbnail is stored once, however often it is shown.

mod book;
mod compact;
mod sheet;
mod signature;

pub(crate) use self::book::{Book, Shown};
pub(crate) use self::compact::compact;
pub(crate) use self::sheet::sheet;
pub(crate) use self::signature::Signature;

use base64::Engine;

/// `bytes` as a `data:` address.
fn data_uri(mime: &str, bytes: &[u8]) -> String {
    format!("data:{mime};base64,{}", base64::engine::general_purpose::STANDARD.encode(bytes))
}
