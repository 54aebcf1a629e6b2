//! Brings the files of a repository into the cache.

use std::path::PathBuf;

use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo};

use super::settings::Settings;
use super::{HubError, HubName, Progress, no_weights};
use crate::published::{Wanted, stays_below};

/// How often a transfer that breaks off continues before it is an error.
const RETRIES: usize = 3;

/// One repository of the hub, to be transferred.
pub(super) struct Transfer {
    name: HubName,
    settings: Settings,
    api: Api,
}

impl Transfer {
    pub(super) fn new(name: HubName, settings: Settings) -> Result<Self, HubError> {
        let builder = ApiBuilder::from_cache(settings.cache.clone());
        let builder = match &settings.endpoint {
            Some(endpoint) => builder.with_endpoint(endpoint.clone()),
            None => builder,
        };
        let api = builder
            .with_token(settings.token.clone())
            .with_user_agent("twist", env!("CARGO_PKG_VERSION"))
            .with_retries(RETRIES)
            .with_progress(false)
            .build();
        let api = api.map_err(|error| HubError::of_transfer(&name, &settings, error))?;
        Ok(Self { name, settings, api })
    }

    /// Transfers the files that are not there, descriptions before weights; the folder of the snapshot.
    pub(super) fn run(&self, progress: Progress<'_>) -> Result<PathBuf, HubError> {
        let failed = |error| HubError::of_transfer(&self.name, &self.settings, error);
        let info = self.api.repo(self.name.repo()).info().map_err(failed)?;
        // From here on the commit is meant: a branch may move while files are transferred.
        let commit = info.sha;
        if !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) || commit.is_empty() {
            return Err(HubError::answer(&self.name, "which commit is meant"));
        }
        let repo = self.api.repo(self.name.repo_at(&commit));
        let files: Vec<String> = info.siblings.into_iter().map(|file| file.rfilename).collect();
        let wanted = Wanted::of(&files, |index| {
            let path = self.bring(&repo, &commit, index, progress)?;
            Ok::<_, HubError>(fs_err::read_to_string(path)?)
        })?;
        let wanted = wanted.map_err(|none| no_weights(&self.name, none))?;
        for file in wanted.descriptions.iter().chain(wanted.all_weights()) {
            self.bring(&repo, &commit, file, progress)?;
        }
        let cached = self.settings.cache.repo(self.name.repo());
        cached.create_ref(&commit)?;
        Ok(cached.pointer_path(&commit))
    }

    /// One file of the commit: from the cache, or from the hub.
    fn bring(
        &self,
        repo: &ApiRepo,
        commit: &str,
        file: &str,
        progress: Progress<'_>,
    ) -> Result<PathBuf, HubError> {
        let there = self.settings.cache.repo(self.name.repo_at(commit)).pointer_path(commit).join(file);
        if there.is_file() {
            return Ok(there);
        }
        let failed = |error| HubError::of_transfer(&self.name, &self.settings, error);
        let facts = self.api.metadata(&repo.url(file)).map_err(failed)?;
        // They become names of files in the cache.
        if !stays_below(facts.etag()) || facts.commit_hash() != commit {
            return Err(HubError::answer(&self.name, format_args!("what {file} is")));
        }
        let all = facts.size() as u64;
        progress(file, 0, all);
        let shown = Shown { file, done: 0, all, progress };
        match repo.download_with_progress(file, shown) {
            // A longer file of another attempt cannot be continued.
            Err(ApiError::InvalidResume) => {
                let blob = self.settings.cache.repo(self.name.repo()).blob_path(facts.etag());
                fs_err::remove_file(blob.with_extension("part"))?;
                let reason = format!("what was left of an earlier transfer of {file} is not a part of it");
                Err(HubError::new(&self.name, reason, "It was removed; run the command again"))
            }
            result => result.map_err(failed),
        }
    }
}

/// Passes the library's counting on.
struct Shown<'a> {
    file: &'a str,
    done: u64,
    all: u64,
    progress: Progress<'a>,
}

impl hf_hub::api::Progress for Shown<'_> {
    fn init(&mut self, size: usize, _: &str) {
        (self.done, self.all) = (0, size as u64);
    }

    fn update(&mut self, size: usize) {
        self.done += size as u64;
        (self.progress)(self.file, self.done, self.all);
    }

    fn finish(&mut self) {}
}
