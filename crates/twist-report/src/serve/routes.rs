//! Maps requests to handlers.

use twist_run::files;

use super::message::{Answer, Reply, Request};
use super::page::{SCRIPT, STYLE, page};
use super::site::Site;
use super::{browse, cut, edit, map, merge, pictures, search};

/// Where an image file is sent to, to search by.
pub(super) const SEARCH: &str = "api/search";

pub(super) fn answer(site: &mut Site, request: &Request) -> Reply {
    handle(site, request).unwrap_or_else(|refused| refused)
}

fn handle(site: &mut Site, request: &Request) -> Answer {
    let path = request.path.as_str();
    if let Some(row) = number_behind(path, "picture/").filter(|_| !request.post) {
        return pictures::picture(site, row, request.query == "large");
    }
    site.refresh();
    if request.post {
        return match path {
            "api/rename" => edit::rename(site, request),
            "api/merge" => merge::merge(site, request),
            "api/merged" => merge::preview(site, request),
            "api/cut" => cut::cut(site, request),
            "api/cut/preview" => cut::preview(site, request),
            "api/unmerge" => edit::unmerge(site, request),
            "api/threshold" => edit::threshold(site, request),
            "api/label" => edit::label(site, request),
            "api/find" => browse::find(site, request),
            SEARCH => search::search(site, request),
            _ => Err(Reply::refuse(404, "this address accepts no data")),
        };
    }
    if let Some(row) = number_behind(path, "api/image/") {
        return browse::image(site, row);
    }
    Ok(match path {
        "" => page(site),
        "style.css" => Reply::bytes("text/css; charset=utf-8", STYLE),
        "script.js" => Reply::bytes("text/javascript; charset=utf-8", SCRIPT),
        "api/run" => browse::run(site),
        "api/classes" => browse::classes(site),
        "api/tree" => cut::tree(site),
        "api/images" => browse::images(site, request)?,
        "api/next" => browse::next(site),
        "api/map" => map::state(site)?,
        "map.bin" => map::points(site)?,
        "api/labels" => browse::labelled(site, request),
        files::LABELS => edit::export(site)?,
        _ => return Err(Reply::refuse(404, "this page does not exist")),
    })
}

fn number_behind(path: &str, lead: &str) -> Option<usize> {
    path.strip_prefix(lead)?.parse().ok()
}
