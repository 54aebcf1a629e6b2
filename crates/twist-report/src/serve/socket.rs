//! The wire: HTTP/1.1 by `hyper`, one thread.
//!
//! `hyper` because it is the HTTP implementation of Rust that is maintained best; of the blocking servers that need less,
//! `tiny_http` and `rouille` have had no release for years. One thread because one person looks at the page, and because a model
//! need not be able to move between threads.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use super::connections::{Connections, Known};
use super::guard::{Credentials, Guard};
use super::message::{Reply, Request};
use super::routes::{SEARCH, answer};
use super::site::Site;

/// Largest image file to search by.
const LARGEST_FILE: usize = 64 << 20;
/// Largest body of everything else: numbers of two million images.
const LARGEST_REQUEST: usize = 16 << 20;
/// How often the server asks whether it shall stop, and how long it waits when no connection can be accepted.
const BREATH: Duration = Duration::from_millis(100);
/// A request's head comes in this time, or the connection is closed; so is one that is not used for as long.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// A body comes in this time.
const BODY_WITHIN: Duration = Duration::from_secs(30);

/// What every reply says to the browser. The page may load from this server only, may not be framed, and leaks no address.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; connect-src 'self'; \
         form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Takes a port on the loopback address; 0 is any free one.
///
/// # Errors
/// The port is taken, or may not be had.
pub(super) fn listen(port: u16) -> io::Result<(TcpListener, u16)> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

/// Answers until `stop` says so.
///
/// # Errors
/// The listener or the runtime fails.
pub(super) fn run(
    listener: TcpListener,
    guard: Guard,
    site: Site,
    stop: &dyn Fn() -> bool,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
    let shared = Rc::new((guard, RefCell::new(site)));
    LocalSet::new().block_on(&runtime, async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let mut connections = Connections::default();
        while !stop() {
            let Ok(accepted) = tokio::time::timeout(BREATH, listener.accept()).await else { continue };
            let Ok((stream, _)) = accepted else {
                // A connection that was given up while it waited, or too few file handles: neither is a reason to end,
                // and asking again at once would keep a core busy.
                connections.close_one();
                tokio::time::sleep(BREATH).await;
                continue;
            };
            let (shared, known) = (Rc::clone(&shared), Known::default());
            let showed = Rc::clone(&known);
            let task = tokio::task::spawn_local(async move {
                let service = service_fn(move |request| {
                    let (shared, known) = (Rc::clone(&shared), Rc::clone(&showed));
                    async move { Ok::<_, Infallible>(respond(&shared.0, &shared.1, &known, request).await) }
                });
                let mut http = http1::Builder::new();
                http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
                // A browser that goes away in the middle is not an error of ours.
                let _ = http.serve_connection(TokioIo::new(stream), service).await;
            });
            connections.add(task, known);
        }
        Ok(())
    })
}

async fn respond(
    guard: &Guard,
    site: &RefCell<Site>,
    known: &Known,
    request: hyper::Request<Incoming>,
) -> hyper::Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let text = |name: &HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
    let credentials = Credentials {
        post: head.method == Method::POST,
        path: head.uri.path(),
        host: text(&header::HOST),
        origin: text(&header::ORIGIN),
        site: text(&HeaderName::from_static("sec-fetch-site")),
    };
    if !matches!(head.method, Method::GET | Method::POST) {
        return write(Reply::refuse(405, "only GET and POST are supported"));
    }
    let path = match guard.admit(&credentials) {
        Ok(path) => path.to_owned(),
        Err(refusal) => return write(refusal),
    };
    known.set(true);
    let (what, most) = if path == SEARCH { ("file", LARGEST_FILE) } else { ("request", LARGEST_REQUEST) };
    let body = tokio::time::timeout(BODY_WITHIN, Limited::new(body, most).collect()).await;
    let Ok(body) = body else {
        return write(Reply::refuse(408, format!("the {what} did not arrive within 30 seconds")));
    };
    let Ok(body) = body else {
        let most = most >> 20;
        let why = format!("the {what} did not arrive completely, or is larger than {most} MiB");
        return write(Reply::refuse(413, why));
    };
    let query = head.uri.query().unwrap_or_default().to_owned();
    let request = Request { post: credentials.post, path, query, body: body.to_bytes().to_vec() };
    write(answer(&mut site.borrow_mut(), &request))
}

fn write(reply: Reply) -> hyper::Response<Full<Bytes>> {
    let mut response = hyper::Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.mime));
    let keep = if reply.keep { "private, max-age=86400" } else { "no-store" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let save = reply.save_as.and_then(|name| format!("attachment; filename=\"{name}\"").parse().ok());
    if let Some(save) = save {
        headers.insert(header::CONTENT_DISPOSITION, save);
    }
    response
}
