//! `hf:ORG/NAME` as people write it.

use std::fmt;

use hf_hub::{Repo, RepoType};

use super::HubError;

/// What a name of the hub begins with.
const SCHEME: &str = "hf:";

/// The branch that is meant where no revision is given.
const MAIN: &str = "main";

/// A repository of the hub, and which of its states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubName {
    /// `ORG/NAME`, or `NAME` for the oldest ones.
    repo: String,
    revision: Option<String>,
}

impl HubName {
    /// Reads `hf:ORG/NAME` or `hf:ORG/NAME@REVISION`; `None` for everything that does not begin with `hf:`.
    ///
    /// # Errors
    /// The name cannot be one.
    pub fn of(written: &str) -> Option<Result<Self, HubError>> {
        let rest = written.strip_prefix(SCHEME)?;
        let (repo, revision) = match rest.split_once('@') {
            Some((repo, revision)) => (repo, Some(revision)),
            None => (rest, None),
        };
        let plain = Self { repo: repo.to_owned(), revision: None };
        let parts: Vec<&str> = repo.split('/').collect();
        if parts.len() > 2 || !parts.iter().all(|part| is_part(part)) {
            let remedy = "Expected hf:ORG/NAME or hf:ORG/NAME@REVISION";
            return Some(Err(HubError::new(
                twist_io::shown(written),
                "this is not the name of a repository",
                remedy,
            )));
        }
        Some(revision.map_or(Ok(plain.clone()), |revision| plain.at(revision)))
    }

    /// The same repository at a branch, tag or commit.
    ///
    /// # Errors
    /// The revision cannot be one.
    pub fn at(self, revision: &str) -> Result<Self, HubError> {
        match revision.split('/').all(is_part) {
            true => Ok(Self { revision: Some(revision.to_owned()), ..self }),
            false => {
                let reason = format!("`{}` is not a revision", twist_io::shown(revision));
                Err(HubError::new(self, reason, "Give a branch, a tag or a commit"))
            }
        }
    }

    /// The branch, tag or commit.
    pub fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or(MAIN)
    }

    /// Whether the name says a revision.
    pub fn names_revision(&self) -> bool {
        self.revision.is_some()
    }

    pub(super) fn repo(&self) -> Repo {
        self.repo_at(self.revision())
    }

    pub(super) fn repo_at(&self, revision: &str) -> Repo {
        Repo::with_revision(self.repo.clone(), RepoType::Model, revision.to_owned())
    }
}

/// Letters, digits, `-`, `_` and dots, neither `.` nor `..`.
fn is_part(part: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !part.is_empty() && part.len() <= 96 && part.bytes().all(allowed) && !part.contains("..") && part != "."
}

impl fmt::Display for HubName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.repo)?;
        self.revision.as_ref().map_or(Ok(()), |revision| write!(f, "@{revision}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_repositories_with_an_optional_revision() {
        assert!(HubName::of("runs/folder_auto-1").is_none());
        for written in
            ["hf:facebook/dinov2-small", "hf:timm/vit_small.dino@v1.0", "hf:resnet", "hf:a/b@refs/pr/1"]
        {
            assert_eq!(HubName::of(written).unwrap().unwrap().to_string(), written);
        }
        assert_eq!(HubName::of("hf:a/b").unwrap().unwrap().revision(), "main");
        for written in
            ["hf:", "hf:a/b/c", "hf:../b", "hf:a/", "hf:a b/c", "hf:a/b@", "hf:a/b@../c", "hf:/a", "hf:a/.."]
        {
            assert!(HubName::of(written).unwrap().is_err(), "{written}");
        }
    }
}
