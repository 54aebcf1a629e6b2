//! Data on a server: refused, with the command that brings them here.

use twist_io::Refused;

/// What to say of a `DATA` that is the address of something on a server, such as `s3://bucket/photos`; `None` for everything else.
pub(super) fn refused(spec: &str) -> Option<Refused> {
    let (scheme, rest) = spec.split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    if !is_scheme {
        return None;
    }
    let command = match scheme.to_ascii_lowercase().as_str() {
        "s3" => format!("`aws s3 sync {spec} photos/`"),
        "gs" | "gcs" => format!("`gcloud storage cp --recursive gs://{rest} photos/`"),
        "http" | "https" => format!("`curl -LO {spec}`"),
        "hf" => "`hf download --repo-type dataset NAME --local-dir photos/`".to_owned(),
        "file" => return Some(refused_file(spec, rest)),
        _ => "the program of that server".to_owned(),
    };
    let what = format!("{spec} is not on this machine");
    let why = "Twist reads files and downloads no data";
    Some(
        Refused::new(what)
            .because(why)
            .remedy(format!("download them first, for example with {command}, and give what came")),
    )
}

fn refused_file(spec: &str, path: &str) -> Refused {
    Refused::new(format!("{spec} is an address"))
        .because("Twist reads paths")
        .remedy(format!("give the path, {path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_with_a_command() {
        for (spec, command) in [
            ("s3://bucket/photos", "aws s3 sync s3://bucket/photos photos/"),
            ("gs://bucket/a-{0..9}.tar", "gcloud storage cp"),
            ("https://example.org/photos.zip", "curl -LO https://example.org/photos.zip"),
            ("az://x", "the program of that server"),
            ("file:///data/photos", "give the path, /data/photos"),
        ] {
            let text = refused(spec).unwrap().to_string();
            assert!(text.starts_with(spec) && text.contains(command), "{text}");
        }
        for spec in ["photos/", "a:b.jpg", "shapes:train", "://x", "1a://x", "C:\\photos", "photos/*.jpg"] {
            assert!(refused(spec).is_none(), "{spec}");
        }
    }
}
