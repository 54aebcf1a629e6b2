//! A small hub on loopback: what works, and what each failure says.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hf_hub::Cache;
use sha2::{Digest, Sha256};

use super::*;
use crate::model::hex;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What the hub does wrong.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    Nothing,
    /// Every answer of a body breaks off after so many bytes.
    CutAfter(usize),
    /// The stated SHA-256 is of other bytes.
    OtherHash,
    Status(u16),
    /// It takes every request and never answers.
    Silence,
    /// Every answer of a body stops after so many bytes, and the connection stays.
    StopsAfter(usize),
}

/// One repository, `org/net`.
struct Hub {
    files: HashMap<&'static str, Vec<u8>>,
    fault: Mutex<Fault>,
    requests: AtomicUsize,
    ranges: Mutex<Vec<String>>,
    address: String,
    /// Connections on which nothing more comes.
    silent: Mutex<Vec<TcpStream>>,
}

impl Hub {
    fn start(files: &[(&'static str, Vec<u8>)]) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let hub = Arc::new(Self {
            files: files.iter().cloned().collect(),
            fault: Mutex::new(Fault::Nothing),
            requests: AtomicUsize::new(0),
            ranges: Mutex::new(Vec::new()),
            address: format!("http://{}", listener.local_addr().unwrap()),
            silent: Mutex::new(Vec::new()),
        });
        let serving = Arc::clone(&hub);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                drop(serving.answer(stream.unwrap()));
            }
        });
        hub
    }

    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let first = lines.next().unwrap()?;
        let headers: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let path = first.split(' ').nth(1).unwrap();
        let fault = *self.fault.lock().unwrap();
        if fault == Fault::Silence {
            self.silent.lock().unwrap().push(stream);
            return Ok(());
        }
        if let Fault::Status(status) = fault {
            return write!(stream, "HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
        if path.starts_with("/api/models/org/net/revision/") {
            let siblings: Vec<_> =
                self.files.keys().map(|name| serde_json::json!({ "rfilename": name })).collect();
            let body = serde_json::json!({ "sha": COMMIT, "siblings": siblings }).to_string();
            return write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
        let file =
            path.strip_prefix(&format!("/org/net/resolve/{COMMIT}/")).and_then(|name| self.files.get(name));
        let Some(bytes) = file else {
            return write!(
                stream,
                "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
        };
        let range = headers
            .iter()
            .find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
        let range = range.unwrap();
        self.ranges.lock().unwrap().push(range.clone());
        let (start, end) = range.split_once('-').unwrap();
        let start: usize = start.parse().unwrap();
        let end = end.parse().map_or(bytes.len(), |end: usize| end + 1);
        let stated = if fault == Fault::OtherHash { b"other".as_slice() } else { bytes };
        write!(
            stream,
            "HTTP/1.1 206 Partial Content\r\nX-Repo-Commit: {COMMIT}\r\nETag: \"{}\"\r\nContent-Range: bytes {start}-{}/{}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            hex(&Sha256::digest(stated)),
            end - 1,
            bytes.len(),
            end - start
        )?;
        let body = &bytes[start..end];
        match fault {
            Fault::CutAfter(most) => stream.write_all(&body[..body.len().min(most)]),
            Fault::StopsAfter(most) if body.len() > most => {
                stream.write_all(&body[..most])?;
                self.silent.lock().unwrap().push(stream);
                Ok(())
            }
            _ => stream.write_all(body),
        }
    }

    fn fault(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }
}

struct Client {
    hub: Arc<Hub>,
    folder: tempfile::TempDir,
}

impl Client {
    fn new(files: &[(&'static str, Vec<u8>)]) -> Self {
        Self { hub: Hub::start(files), folder: tempfile::tempdir().unwrap() }
    }

    fn settings(&self, offline: bool) -> Settings {
        let cache = Cache::new(self.folder.path().join("hub"));
        let endpoint = Some(self.hub.address.clone());
        Settings { endpoint, cache, token: None, offline, silence: Duration::from_secs(60) }
    }

    fn fetch(&self, offline: bool) -> Result<Snapshot, HubError> {
        let name = HubName::of("hf:org/net").unwrap()?;
        fetch_by(&name, &self.settings(offline), &mut |_, _, _| {})
    }

    fn error(&self) -> String {
        self.fetch(false).unwrap_err().to_string()
    }
}

fn weights() -> Vec<u8> {
    (0..20_000u32).flat_map(u32::to_le_bytes).collect()
}

#[test]
fn weights_and_descriptions_come_once_and_are_there_without_the_hub() {
    let files = [("config.json", b"{}".to_vec()), ("model.safetensors", weights()), ("README.md", vec![1])];
    let client = Client::new(&files);
    let snapshot = client.fetch(false).unwrap();
    assert_eq!(snapshot.commit, COMMIT);
    assert_eq!(snapshot.weights, [("model.safetensors".into(), hex(&Sha256::digest(weights())))]);
    assert_eq!(fs_err::read(snapshot.folder.join("config.json")).unwrap(), b"{}");
    assert!(!snapshot.folder.join("README.md").exists());
    let requests = client.hub.requests.load(Ordering::SeqCst);
    assert_eq!(client.fetch(true).unwrap(), snapshot);
    assert_eq!(client.hub.requests.load(Ordering::SeqCst), requests, "nothing is asked without a connection");
    assert_eq!(client.fetch(false).unwrap(), snapshot);
    assert_eq!(client.hub.requests.load(Ordering::SeqCst), requests + 1, "only which commit is the newest");
}

#[test]
fn shards_come_with_their_index() {
    let index = br#"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}"#.to_vec();
    let files = [
        ("model.safetensors.index.json", index),
        ("model-1.safetensors", vec![1; 9]),
        ("model-2.safetensors", vec![2; 9]),
    ];
    let snapshot = Client::new(&files).fetch(false).unwrap();
    let names: Vec<&str> = snapshot.weights.iter().map(|(file, _)| file.as_str()).collect();
    assert_eq!(names, ["model-1.safetensors", "model-2.safetensors"]);
}

#[test]
fn a_transfer_that_breaks_off_continues_where_it_stopped() {
    let client = Client::new(&[("model.safetensors", weights())]);
    client.hub.fault(Fault::CutAfter(1_000));
    let error = client.error();
    assert!(error.contains("broke off") && error.contains("The same command continues it"), "{error}");
    client.hub.fault(Fault::Nothing);
    client.hub.ranges.lock().unwrap().clear();
    let snapshot = client.fetch(false).unwrap();
    assert_eq!(fs_err::read(snapshot.folder.join("model.safetensors")).unwrap(), weights());
    let ranges = client.hub.ranges.lock().unwrap().clone();
    let continued = ranges.iter().any(|range| range.ends_with('-') && !range.starts_with("0-"));
    assert!(continued, "{ranges:?}");
}

#[test]
fn other_bytes_than_stated_are_removed_and_named() {
    let client = Client::new(&[("model.safetensors", weights())]);
    client.hub.fault(Fault::OtherHash);
    let error = client.error();
    assert!(
        error.contains("model.safetensors is damaged") && error.contains(&hex(&Sha256::digest(weights()))),
        "{error}"
    );
    client.hub.fault(Fault::Nothing);
    client.fetch(false).unwrap();
}

#[test]
fn refusals_say_what_to_do() {
    let client = Client::new(&[("README.md", vec![1])]);
    assert!(client.error().contains("no weights under a usual name"), "{}", client.error());
    for (status, remedy) in
        [(401, "HF_TOKEN"), (403, "HF_TOKEN"), (404, "hf:facebook/dinov2-small"), (500, "HF_ENDPOINT")]
    {
        client.hub.fault(Fault::Status(status));
        let error = client.error();
        assert!(error.contains(&status.to_string()) && error.contains(remedy), "{error}");
    }
    let offline = client.fetch(true).unwrap_err().to_string();
    assert!(offline.contains("HF_HUB_OFFLINE"), "{offline}");
    let nowhere = Settings { endpoint: Some("http://127.0.0.1:9".into()), ..client.settings(false) };
    let name = HubName::of("hf:org/net").unwrap().unwrap();
    let error = fetch_by(&name, &nowhere, &mut |_, _, _| {}).unwrap_err().to_string();
    assert!(error.contains("cannot be reached") && error.contains("HF_HUB_OFFLINE=1"), "{error}");
}

#[test]
fn a_hub_that_says_nothing_is_an_error_after_a_stated_time() {
    for fault in [Fault::Silence, Fault::StopsAfter(1_000)] {
        let client = Client::new(&[("model.safetensors", weights())]);
        client.hub.fault(fault);
        let settings = Settings { silence: Duration::from_millis(500), ..client.settings(false) };
        let (name, begun) = (HubName::of("hf:org/net").unwrap().unwrap(), Instant::now());
        let error = fetch_by(&name, &settings, &mut |_, _, _| {}).unwrap_err().to_string();
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        assert!(error.contains("the hub said nothing for 0.5 seconds"), "{error}");
        assert!(error.contains("HF_ENDPOINT") && error.contains("hf:org/net"), "{error}");
    }
}

#[test]
fn a_minute_is_what_users_wait() {
    assert_eq!(Settings::of_environment().silence, Duration::from_secs(60));
}
