//! Recognises weight files; for all other files, says what they are and what to do with them.

use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;

use crate::error::IoError;
use crate::pickle::begins_pickle;
use crate::refused::Refused;
use crate::regular::open_regular;
use crate::safetensors::begins_safetensors;
use crate::shell::shell_word;

/// Bytes at the beginning that are looked at: a tar archive says what it is in the first 262.
const LOOKED_AT: u64 = 512;

/// The two kinds of weight files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightFormat {
    /// Tensors with a JSON header: [`load_safetensors`](crate::load_safetensors).
    Safetensors,
    /// PyTorch's, of either format: [`load_pickle`](crate::load_pickle).
    Pickle,
}

/// Tells by its first bytes, never by its name, which kind of weight file a file is.
///
/// # Errors
/// Says what another file is and what to do with it: a folder, a part of a network in several files, a git-lfs pointer, a
/// web page, an archive, text; [`IoError::Empty`].
pub fn weight_format(path: impl AsRef<Path>) -> Result<WeightFormat, IoError> {
    format(path.as_ref(), true)
}

/// As [`weight_format`], for a file that may be one of several of a network, whoever reads all of them.
///
/// # Errors
/// As [`weight_format`].
pub fn shard_format(path: impl AsRef<Path>) -> Result<WeightFormat, IoError> {
    format(path.as_ref(), false)
}

/// `alone`: the file is to hold a whole network.
fn format(path: &Path, alone: bool) -> Result<WeightFormat, IoError> {
    let other = |(what, remedy): (&str, String)| {
        let file = format!("{} is not a weight file (.pth, .pt, .th, .safetensors)", path.display());
        IoError::from(Refused::new(file).because(what).remedy(remedy))
    };
    let os = |source| IoError::os("read", path, None, source);
    if fs_err::metadata(path).map_err(os)?.is_dir() {
        return Err(other(folder(path)));
    }
    let mut start = Vec::new();
    open_regular(path).map_err(os)?.take(LOOKED_AT).read_to_end(&mut start).map_err(os)?;
    if start.is_empty() {
        return Err(IoError::Empty(path.to_owned()));
    }
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    if let Some((what, join)) = part(&name).filter(|_| alone) {
        let remedy = match path.parent().filter(|folder| has_index(folder)) {
            Some(folder) => format!("give its folder, which has the index: {}", shell_word(folder)),
            None => join,
        };
        return Err(other((what, remedy)));
    }
    if begins_safetensors(&start) {
        Ok(WeightFormat::Safetensors)
    } else if begins_pickle(&start) {
        Ok(WeightFormat::Pickle)
    } else {
        Err(other(content(&name, &start)))
    }
}

/// What to do with a network in several files.
fn join(ending: &str) -> String {
    let (import, load, save) = match ending {
        "safetensors" => ("from safetensors.torch import load_file, save_file", "load_file(f)", "save_file"),
        _ => ("import torch", "torch.load(f)", "torch.save"),
    };
    format!(
        "join them in their folder with python3 -c \"{import}; import glob; w = {{}}; [w.update({load}) for f \
         in sorted(glob.glob('*-of-*.{ending}'))]; {save}(w, 'joined.{ending}')\", and give joined.{ending}"
    )
}

fn folder(path: &Path) -> (&'static str, String) {
    let names: Vec<String> = fs_err::read_dir(path)
        .map(|entries| {
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
        })
        .unwrap_or_default();
    if let Some((_, remedy)) = names.iter().find_map(|name| part(name)) {
        return ("it is a folder with a network in several files", remedy);
    }
    let mut weights: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| is_named_as_weights(name)).collect();
    weights.sort_unstable();
    match weights.first() {
        Some(name) => {
            ("it is a folder", format!("give a file in it, for example {}", path.join(name).display()))
        }
        None => ("it is a folder", "give the file of the weights".to_owned()),
    }
}

/// Whether an index of shards lies in a folder.
fn has_index(folder: &Path) -> bool {
    let named = |name: &OsStr| name.to_string_lossy().ends_with(".index.json");
    fs_err::read_dir(folder)
        .is_ok_and(|mut all| all.any(|entry| entry.is_ok_and(|entry| named(&entry.file_name()))))
}

fn is_named_as_weights(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| matches!(ending, "pth" | "pt" | "th" | "bin" | "safetensors"))
}

/// Whether a name is that of an index of shards (`x.safetensors.index.json`), or of one of several
/// (`x-00001-of-00003.safetensors`).
fn part(name: &str) -> Option<(&'static str, String)> {
    if let Some(whole) = name.strip_suffix(".index.json") {
        let ending = whole.rsplit_once('.').map_or("safetensors", |(_, ending)| ending);
        return Some(("it is the index of a network that is split into several files", join(ending)));
    }
    let (stem, ending) = name.rsplit_once('.')?;
    let (rest, of) = stem.rsplit_once("-of-")?;
    let (_, number) = rest.rsplit_once('-')?;
    let digits = |text: &str| text.len() >= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let several = digits(number) && digits(of) && of.trim_start_matches('0') != "1";
    (several && is_named_as_weights(name))
        .then(|| ("it is one of several files that a network is split into", join(ending)))
}

/// What the first bytes say, and where they say nothing, the name.
fn content(name: &str, start: &[u8]) -> (&'static str, String) {
    let text = std::str::from_utf8(start).unwrap_or_else(|error| {
        // The last character may be cut.
        std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default()
    });
    let is_text =
        text.len() + 4 > start.len() && !text.bytes().any(|byte| byte < b' ' && !byte.is_ascii_whitespace());
    let lower = text.trim_start().to_ascii_lowercase();
    let unpack = |command: &str| format!("unpack it first: {command} {}", shell_word(Path::new(name)));
    let again = "download the file again: its address must lead to the file, not to the page about it";
    match start {
        _ if text.starts_with("version https://git-lfs") => (
            "it is a git-lfs pointer, which stands for a large file",
            format!(
                "fetch the file itself in its repository: git lfs pull --include {}",
                shell_word(Path::new(name))
            ),
        ),
        _ if lower.starts_with("<!doctype html")
            || lower.starts_with("<html")
            || lower.starts_with("<?xml") =>
        {
            ("it is a web page", again.to_owned())
        }
        [0x1f, 0x8b, ..] => ("it is compressed with gzip", unpack("gunzip")),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => ("it is compressed with xz", unpack("unxz")),
        [b'B', b'Z', b'h', ..] => ("it is compressed with bzip2", unpack("bunzip2")),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => ("it is compressed with zstd", unpack("unzstd")),
        [b'7', b'z', 0xbc, 0xaf, ..] => ("it is a 7z archive", unpack("7z x")),
        _ if start.get(257..262) == Some(b"ustar") => ("it is a tar archive", unpack("tar -xf")),
        [0x89, b'H', b'D', b'F', ..] => (
            "it is an HDF5 file, as Keras writes it",
            "save the network's weights as safetensors under PyTorch's names".to_owned(),
        ),
        [b'G', b'G', b'U', b'F', ..] => {
            ("it is a GGUF file", "give the weights that it was made from".to_owned())
        }
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => {
            ("it is a NumPy array, a format for features", "give the file of the weights".to_owned())
        }
        [0x08, ..] if name.to_ascii_lowercase().ends_with(".onnx") => (
            "it is an ONNX graph",
            "save the state_dict() of the PyTorch network that it was made from".to_owned(),
        ),
        _ if is_text && (lower.starts_with('{') || lower.starts_with('[')) => {
            ("it is JSON", "give the file of the weights".to_owned())
        }
        _ if is_text => ("it is text", "give the file of the weights".to_owned()),
        _ => (
            "it does not start like such a file",
            "give a file written by torch.save or safetensors".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, content: &[u8]) -> Result<WeightFormat, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs_err::write(&path, content).unwrap();
        weight_format(&path).map_err(|error| {
            let text = error.to_string();
            assert_eq!(text.matches(&*path.to_string_lossy()).count(), 1, "{text}");
            text
        })
    }

    #[test]
    fn other_files_are_named_with_what_to_do() {
        let mut tar = vec![b'a'; 512];
        tar[257..262].copy_from_slice(b"ustar");
        let cases: [(&str, &[u8], &[&str]); 17] = [
            (
                "a.safetensors",
                b"version https://git-lfs.github.com/spec/v1\noid sha256:12\n",
                &["git lfs pull"],
            ),
            ("a.pth", b"\n<!DOCTYPE html><html>", &["web page", "download"]),
            ("a.pth.gz", &[0x1f, 0x8b, 8, 0], &["gunzip a.pth.gz"]),
            ("my a.xz", &[0xfd, b'7', b'z', b'X', b'Z', 0], &["unxz 'my a.xz'"]),
            ("a.bz2", b"BZh91AY", &["bunzip2"]),
            ("a.zst", &[0x28, 0xb5, 0x2f, 0xfd, 1], &["unzstd"]),
            ("a.tar", &tar, &["tar -xf a.tar"]),
            ("a.h5", b"\x89HDF\r\n\x1a\n", &["Keras", "safetensors"]),
            ("a.onnx", &[0x08, 0x07, 0x12], &["ONNX", "state_dict()"]),
            ("a.npy", b"\x93NUMPY\x01\0", &["NumPy"]),
            ("config.json", b"{\"model_type\": \"vit\"}", &["JSON"]),
            (
                "truth.csv",
                b"path,label\na.jpg,1\n",
                &["not a weight file (.pth, .pt, .th, .safetensors)", "text"],
            ),
            ("a.bin", &[7, 1, 2, 3], &["torch.save"]),
            ("model.safetensors.index.json", b"{\"weight_map\": {}}", &["give its folder"]),
            ("pytorch_model.bin.index.json", b"{\"weight_map\": {}}", &["give its folder"]),
            ("model-00001-of-00002.bin", b"PK\x03\x04", &["joined.bin", "torch.save"]),
            (
                "model-00001-of-00003.safetensors",
                &[2, 0, 0, 0, 0, 0, 0, 0, b'{', b'}'],
                &["joined.safetensors"],
            ),
        ];
        for (name, content, words) in cases {
            let text = told(name, content).unwrap_err();
            assert!(words.iter().all(|word| text.contains(word)), "{name}: {text}");
        }
    }

    #[test]
    fn weight_files_are_told_apart_by_content() {
        let header = |length: u64| [&length.to_le_bytes()[..], b"{}"].concat();
        // A header of 128 bytes begins as a pickle does, one of 67,324,752 bytes as a zip archive.
        for length in [2, 0x80, 0x380, 0x0403_4b50] {
            assert_eq!(told("a.pth", &header(length)), Ok(WeightFormat::Safetensors), "{length}");
        }
        assert_eq!(told("a.safetensors", b"PK\x03\x04\0\0"), Ok(WeightFormat::Pickle));
        assert_eq!(told("a", &[0x80, 2, 0x8a, 10]), Ok(WeightFormat::Pickle));
        assert_eq!(told("model-00001-of-00001.safetensors", &header(2)), Ok(WeightFormat::Safetensors));
        let folder = tempfile::tempdir().unwrap();
        let shard = folder.path().join("model-00001-of-00002.safetensors");
        fs_err::write(&shard, header(2)).unwrap();
        assert_eq!(shard_format(&shard).unwrap(), WeightFormat::Safetensors);
        assert!(weight_format(&shard).is_err());
    }

    #[test]
    fn a_folder_is_named_as_one() {
        let folder = tempfile::tempdir().unwrap();
        let text = || weight_format(folder.path()).unwrap_err().to_string();
        assert!(text().contains("it is a folder; give the file"), "{}", text());
        fs_err::write(folder.path().join("b.pth"), "x").unwrap();
        assert!(text().contains("b.pth"), "{}", text());
        fs_err::write(folder.path().join("b-00001-of-00002.bin"), "x").unwrap();
        assert!(text().contains("torch.save(w, 'joined.bin')"), "{}", text());
    }
}
