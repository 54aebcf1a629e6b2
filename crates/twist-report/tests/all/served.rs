//! The interactive page over its socket.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use twist_report::serve::Helpers;
use twist_report::{ReportError, serve};
use twist_run::ClusterNames;

use crate::fixture::Fixture;

/// A server in a thread.
struct Server {
    /// `127.0.0.1:PORT`.
    host: String,
    /// `/TOKEN/`.
    base: String,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), ReportError>>>,
}

impl Server {
    fn start(run: &Path) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (sender, receiver) = mpsc::channel();
        let (run, flag) = (run.to_owned(), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let announce = |address: &str, _: &[String]| {
                sender.send(address.to_owned()).unwrap();
                Ok(())
            };
            serve(&run, 0, Helpers::default(), announce, &|| flag.load(Ordering::SeqCst))
        });
        let address = receiver.recv().unwrap();
        let (host, token) = address.strip_prefix("http://").unwrap().split_once('/').unwrap();
        Self { host: host.into(), base: format!("/{token}"), stop, thread: Some(thread) }
    }

    /// Sends a request as it is and returns status, head and body.
    fn raw(&self, request: &str) -> (u16, String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).unwrap();
        let end = reply.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(reply[..end].to_vec()).unwrap();
        (head[9..12].parse().unwrap(), head.to_lowercase(), reply[end + 4..].to_vec())
    }

    fn get(&self, path: &str) -> (u16, String, Vec<u8>) {
        let (host, base) = (&self.host, &self.base);
        self.raw(&format!("GET {base}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
    }

    fn post(&self, path: &str, origin: &str, body: &str) -> (u16, String, Vec<u8>) {
        let (host, base, length) = (&self.host, &self.base, body.len());
        self.raw(&format!(
            "POST {base}{path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}"
        ))
    }

    fn end(mut self) -> Result<(), ReportError> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap()
    }
}

#[test]
fn it_serves_its_own_page_and_turns_others_away() {
    let folder = tempfile::tempdir().unwrap();
    let run = Fixture { images: 200, ..Fixture::default() }.write(folder.path());
    let server = Server::start(&run);
    assert!(server.host.starts_with("127.0.0.1:"));

    let (status, head, body) = server.get("");
    assert_eq!(status, 200);
    assert!(
        head.contains("content-security-policy: default-src 'none'") && head.contains("nosniff"),
        "{head}"
    );
    assert!(String::from_utf8(body).unwrap().contains("<title>demo"));
    let (status, head, thumbnail) = server.get("picture/5");
    assert_eq!((status, &thumbnail[1..4]), (200, b"PNG".as_slice()));
    assert!(head.contains("content-type: image/png"));
    let (_, _, classes) = server.get("api/classes");
    let classes: serde_json::Value = serde_json::from_slice(&classes).unwrap();
    assert_eq!(classes["classes"].as_array().unwrap().len(), 10);

    // Another name for this address, another token, another page, another verb.
    let (base, host) = (&server.base, &server.host);
    let port = host.rsplit(':').next().unwrap();
    let foreign =
        format!("GET {base}api/run HTTP/1.1\r\nHost: evil.example:{port}\r\nConnection: close\r\n\r\n");
    assert_eq!(server.raw(&foreign).0, 421);
    assert_eq!(
        server.raw(&format!("GET /api/run HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).0,
        403
    );
    let rename = r#"{"class": 3, "name": "rings"}"#;
    assert_eq!(server.post("api/rename", "http://evil.example", rename).0, 403);
    let put = format!("PUT {base}api/run HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    assert_eq!(server.raw(&put).0, 405);
    assert!(!run.join("clusters.json").exists());

    let own = format!("http://{host}");
    assert_eq!(server.post("api/rename", &own, rename).0, 200);
    // More numbers than any run has images; an image file may be larger.
    let many = format!(r#"{{"rows": [{}0], "label": "x"}}"#, "0,".repeat(8 << 20));
    let (status, _, why) = server.post("api/label", &own, &many);
    let why = String::from_utf8(why).unwrap();
    assert!(status == 413 && why.contains("larger than 16 MiB"), "{status} {why}");
    assert_eq!(server.post("api/search", &own, &many).0, 409, "there is no model");
    let names = ClusterNames::load(run.join("clusters.json"), 10).unwrap();
    assert_eq!(names.resolve(3).unwrap().name, "rings");
    server.end().unwrap();
}

/// Idle connections without the token do not lock the owner out, and they are closed.
#[test]
fn strangers_that_say_nothing_do_not_keep_the_owner_out() {
    let folder = tempfile::tempdir().unwrap();
    let run = Fixture { images: 60, ..Fixture::default() }.write(folder.path());
    let server = Server::start(&run);
    let begin = |_| {
        let mut stream = TcpStream::connect(&server.host).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost:").unwrap();
        stream
    };
    let mut strangers: Vec<TcpStream> = (0..150).map(begin).collect();
    let (status, _, _) = server.get("api/run");
    assert_eq!(status, 200);
    // The first ones had to make room at once; the last one is closed when its head does not come.
    for which in [0, 149] {
        let stranger = &mut strangers[which];
        stranger.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut rest = Vec::new();
        let ended = stranger.read_to_end(&mut rest);
        let open = ended.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!open, "connection {which} is still open after half a minute");
    }
    server.end().unwrap();
}

#[test]
fn what_cannot_be_served_is_refused_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let run = Fixture { images: 60, ..Fixture::default() }.write(folder.path());
    let refusal =
        |run: &Path, port| serve(run, port, Helpers::default(), |_, _| Ok(()), &|| true).unwrap_err();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    assert!(matches!(refusal(&run, port), ReportError::Port { .. }));
    fs_err::write(run.join("clusters.json"), "{").unwrap();
    assert!(refusal(&run, 0).to_string().contains("clusters.json"));
    fs_err::remove_file(run.join("clusters.json")).unwrap();
    fs_err::remove_file(run.join("embeddings.parquet")).unwrap();
    assert!(refusal(&run, 0).to_string().contains("twist train"));
    assert!(matches!(refusal(&folder.path().join("gone"), 0), ReportError::NotFound { .. }));
}
