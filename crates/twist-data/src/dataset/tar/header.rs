//! One 512-byte header of a tar archive: POSIX `ustar`, GNU and the older form.

/// Bytes of a header, and the unit to which contents are padded.
pub(super) const BLOCK: u64 = 512;

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Name with the `ustar` prefix, at most 256 bytes; longer ones come in a member before this one.
    pub(super) name: Vec<u8>,
    /// Bytes of content that follow, without padding.
    pub(super) size: u64,
    /// What the member is.
    pub(super) kind: Kind,
}

/// The kinds of members that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// GNU: the content is the name of the next member.
    LongName,
    /// GNU: the content is the link target of the next member.
    LongLink,
    /// POSIX: the content is `length key=value` records for the next member.
    Extended,
    /// POSIX: the same for all members that follow.
    Global,
    /// A hard or symbolic link.
    Link,
    /// A device, a sparse file and whatever else has no bytes of an image.
    Special,
}

/// Reads a header, or `None` for the block of zeros that ends an archive.
pub(super) fn parse(block: &[u8; 512]) -> Result<Option<Header>, &'static str> {
    if block.iter().all(|&b| b == 0) {
        return Ok(None);
    }
    check_sum(block)?;
    let size = number(&block[124..136]).ok_or("the size in a member's header is not a number")?;
    let mut name = text(&block[..100]).to_vec();
    let is_posix = &block[257..263] == b"ustar\0";
    let prefix = text(&block[345..500]);
    if is_posix && !prefix.is_empty() {
        name = [prefix, b"/", &name].concat();
    }
    let kind = match block[156] {
        b'0' | 0 | b'7' => Kind::File,
        b'5' => Kind::Folder,
        b'L' => Kind::LongName,
        b'K' => Kind::LongLink,
        b'x' => Kind::Extended,
        b'g' => Kind::Global,
        b'1' | b'2' => Kind::Link,
        _ => Kind::Special,
    };
    // Folders and links carry no content, whatever old writers put into their size.
    let size = if matches!(kind, Kind::Folder | Kind::Link) { 0 } else { size };
    Ok(Some(Header { name, size, kind }))
}

/// The sum of all bytes, with the sum's own field as spaces. Some old writers summed signed bytes.
fn check_sum(block: &[u8; 512]) -> Result<(), &'static str> {
    let stated =
        number(&block[148..156]).ok_or("a member's header has no checksum: this is not a tar archive")?;
    let (before, own, after) = (&block[..148], &block[148..156], &block[156..]);
    let spaces = own.len() as u64 * u64::from(b' ');
    let unsigned: u64 = spaces + before.iter().chain(after).map(|&b| u64::from(b)).sum::<u64>();
    let signed = || spaces as i64 + before.iter().chain(after).map(|&b| i64::from(b as i8)).sum::<i64>();
    let fits = stated == unsigned || i64::try_from(stated) == Ok(signed());
    if fits { Ok(()) } else { Err("the checksum of a member's header is wrong") }
}

/// A number: octal digits, or for large ones big-endian binary marked by the top bit.
fn number(field: &[u8]) -> Option<u64> {
    let (&first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        let mut value = u64::from(first & 0x7f);
        for &byte in rest {
            value = value.checked_mul(256)?.checked_add(byte.into())?;
        }
        return Some(value);
    }
    let digits = std::str::from_utf8(text(field)).ok()?.trim();
    if digits.is_empty() { None } else { u64::from_str_radix(digits, 8).ok() }
}

/// The bytes up to the first zero.
fn text(field: &[u8]) -> &[u8] {
    field.split(|&b| b == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(number(b"00000000017\0"), Some(15));
        assert_eq!(number(b"     17 \0"), Some(15));
        assert_eq!(number(b"0000008\0"), None);
        assert_eq!(number(b"\0\0\0\0"), None);
        let mut large = [0; 12];
        large[0] = 0x80;
        large[6] = 1;
        assert_eq!(number(&large), Some(1 << 40));
        assert_eq!(number(&[0xff; 12]), None);
    }

    #[test]
    fn headers_of_the_tar_crate() {
        for mut written in [tar::Header::new_gnu(), tar::Header::new_ustar(), tar::Header::new_old()] {
            written.set_path("class/name.png").unwrap();
            written.set_size(1234);
            written.set_mode(0o644);
            written.set_cksum();
            let header = parse(written.as_bytes()).unwrap().unwrap();
            assert_eq!(
                (header.name.as_slice(), header.size, header.kind),
                (&b"class/name.png"[..], 1234, Kind::File)
            );
            let mut damaged = *written.as_bytes();
            damaged[3] ^= 1;
            assert_eq!(parse(&damaged), Err("the checksum of a member's header is wrong"));
        }
        assert_eq!(parse(&[0; 512]), Ok(None));
    }
}
