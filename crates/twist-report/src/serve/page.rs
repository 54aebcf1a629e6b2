//! The page and what belongs to it; everything on it comes by further requests.

use minijinja::context;

use super::message::Reply;
use super::site::Site;
use crate::shown;

/// The style of the static page, and what the interactive one adds.
pub(super) const STYLE: &str =
    concat!(include_str!("../../templates/style.css"), include_str!("../../templates/serve.css"));

/// What the static page has too, and the script of the interactive one.
pub(super) const SCRIPT: &str = concat!(
    include_str!("../../templates/nodes.js"),
    include_str!("../../templates/map.js"),
    include_str!("../../templates/serve.js")
);

pub(super) fn page(site: &Site) -> Reply {
    let environment = shown::environment();
    let values = context! { name => site.name.clone(), version => env!("CARGO_PKG_VERSION") };
    match environment.render_named_str("serve.html", include_str!("../../templates/serve.html"), values) {
        Ok(html) => Reply::bytes("text/html; charset=utf-8", html),
        Err(error) => {
            Reply::refuse(500, format!("the page's template failed, which is a bug in Twist: {error:#}"))
        }
    }
}
