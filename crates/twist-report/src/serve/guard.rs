//! Decides which requests are allowed.
//!
//! The server listens on the loopback address only, yet every page that a browser on this machine has open can send requests
//! to it, and a name that its owner points at 127.0.0.1 makes such a page its neighbour (DNS rebinding). Three things keep them
//! out: the `Host` must be this server's address, the path begins with a token that only the printed address has, and what
//! changes something must come from a page of this server (`Origin`). Other users of the machine lack the token too.

use std::io;

use super::message::Reply;

/// The address of a server and the secret in it.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    port: u16,
    token: String,
}

/// The parts of a request that decide whether it is let in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Credentials<'a> {
    pub(super) post: bool,
    pub(super) path: &'a str,
    pub(super) host: Option<&'a str>,
    pub(super) origin: Option<&'a str>,
    /// `Sec-Fetch-Site`, which browsers send and pages cannot change.
    pub(super) site: Option<&'a str>,
}

impl Guard {
    /// A guard with a new token, of 128 bits from the system's generator.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub(super) fn new(port: u16) -> io::Result<Self> {
        let mut secret = [0; 16];
        getrandom::fill(&mut secret)?;
        Ok(Self { port, token: secret.iter().map(|byte| format!("{byte:02x}")).collect() })
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/{}/", self.port, self.token)
    }

    /// The path behind the token, or why the request is turned away.
    pub(super) fn admit<'a>(&self, credentials: &Credentials<'a>) -> Result<&'a str, Reply> {
        let hosts = [format!("127.0.0.1:{}", self.port), format!("localhost:{}", self.port)];
        let host = credentials.host.filter(|host| hosts.iter().any(|own| own == host));
        let Some(host) = host else {
            return Err(Reply::refuse(421, "this server answers only at its own address"));
        };
        let behind = credentials.path.strip_prefix('/').and_then(|path| path.split_once('/'));
        let Some((_, path)) = behind.filter(|(token, _)| same(token, &self.token)) else {
            return Err(Reply::refuse(403, "use the whole address that `twist report --serve` printed"));
        };
        let own = credentials.origin == Some(format!("http://{host}").as_str());
        if credentials.post && !own || !matches!(credentials.site, None | Some("same-origin" | "none")) {
            return Err(Reply::refuse(403, "only pages of this server may request this"));
        }
        Ok(path)
    }
}

/// Compares in a time that does not tell how much was right.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_pages_get_in() {
        let guard = Guard { port: 4000, token: "abc".into() };
        assert_eq!(guard.url(), "http://127.0.0.1:4000/abc/");
        let fine =
            Credentials { path: "/abc/api/run", host: Some("127.0.0.1:4000"), ..Credentials::default() };
        assert_eq!(guard.admit(&fine), Ok("api/run"));
        assert_eq!(guard.admit(&Credentials { path: "/abc/", site: Some("none"), ..fine }), Ok(""));
        let post = Credentials { post: true, origin: Some("http://127.0.0.1:4000"), ..fine };
        assert_eq!(guard.admit(&post), Ok("api/run"));
        let by_name =
            Credentials { host: Some("localhost:4000"), origin: Some("http://localhost:4000"), ..post };
        assert!(guard.admit(&by_name).is_ok());

        let refused = [
            Credentials { host: Some("evil.example:4000"), ..fine },
            Credentials { host: Some("127.0.0.1:80"), ..fine },
            Credentials { host: None, ..fine },
            Credentials { path: "/abd/api/run", ..fine },
            Credentials { path: "/api/run", ..fine },
            Credentials { path: "/abc", ..fine },
            Credentials { path: "", ..fine },
            Credentials { site: Some("cross-site"), ..fine },
            Credentials { site: Some("same-site"), ..fine },
            Credentials { origin: None, ..post },
            Credentials { origin: Some("http://evil.example"), ..post },
            Credentials { origin: Some("http://localhost:4000"), ..post },
        ];
        for credentials in refused {
            assert!(guard.admit(&credentials).is_err(), "{credentials:?}");
        }
    }

    #[test]
    fn tokens_differ_from_start_to_start() {
        let token = || Guard::new(1).unwrap().token;
        assert_ne!(token(), token());
        assert!(token().len() == 32 && token().bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
