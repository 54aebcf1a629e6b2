//! What the environment says about the hub.

use std::env;
use std::time::Duration;

use hf_hub::Cache;

/// Longest time in which a hub that is there says nothing.
const SILENCE: Duration = Duration::from_secs(60);

/// Where the hub and its cache are, and whether it may be asked.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) endpoint: Option<String>,
    pub(super) cache: Cache,
    pub(super) token: Option<String>,
    pub(super) offline: bool,
    /// For how long the hub may say nothing before that is an error.
    pub(super) silence: Duration,
}

impl Settings {
    pub(super) fn of_environment() -> Self {
        let home = Cache::from_env();
        let token = said("HF_TOKEN").or_else(|| home.token());
        let cache = said("HF_HUB_CACHE").map_or(home, |path| Cache::new(path.into()));
        let endpoint = said("HF_ENDPOINT").map(|url| url.trim_end_matches('/').to_owned());
        let offline = said("HF_HUB_OFFLINE").is_some_and(|said| is_true(&said));
        Self { endpoint, cache, token, offline, silence: SILENCE }
    }
}

/// What a variable says, where it says something.
fn said(name: &str) -> Option<String> {
    env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// The values that the hub's own client takes for yes.
fn is_true(value: &str) -> bool {
    ["1", "ON", "YES", "TRUE"].contains(&value.to_uppercase().as_str())
}
