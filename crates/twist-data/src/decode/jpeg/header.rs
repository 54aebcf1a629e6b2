//! The segments before the first scan. They decide which decoder is used, and are repaired where libjpeg repairs them.

use std::borrow::Cow;

use crate::decode::DecodeNote;

/// What the segments say.
#[derive(Debug, Default)]
pub(super) struct Header {
    /// The frame; `None` where none was found before the first scan.
    pub(super) frame: Option<Frame>,
    /// Components of the first scan.
    pub(super) scan_components: usize,
    /// Whether three components are red, green and blue, and not brightness and colours: JFIF says that they are not, else Adobe's
    /// segment says it, else their names, as libjpeg decides.
    pub(super) is_rgb: bool,
    /// What was mended, the first of it.
    pub(super) note: Option<DecodeNote>,
}

/// The frame header (ITU T.81, B.2.2).
#[derive(Debug)]
pub(super) struct Frame {
    /// Whether coefficients come in several scans.
    pub(super) progressive: bool,
    /// Whether they are coded arithmetically, which none of the decoders reads.
    pub(super) arithmetic: bool,
    /// Pixels per row and number of rows.
    pub(super) size: (u32, u32),
    /// Name of each component.
    pub(super) names: Vec<u8>,
    /// Horizontal and vertical sampling factor of each component.
    pub(super) sampling: Vec<(u8, u8)>,
}

impl Frame {
    /// Whether the components are called as red, green and blue.
    pub(super) fn is_named_rgb(&self) -> bool {
        self.names == *b"RGB"
    }

    /// The largest sampling factor in each direction.
    pub(super) fn largest(&self) -> (u8, u8) {
        self.sampling.iter().fold((1, 1), |most, one| (most.0.max(one.0), most.1.max(one.1)))
    }
}

/// Markers without a segment (B.1.1.3): restarts and TEM.
const ALONE: [u8; 9] = [0x01, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7];

/// Reads the segments up to the first scan. The bytes come back as they are, or mended as libjpeg reads them: without
/// bytes between segments and stray markers, without Adobe's colour transform where JFIF's rule goes before or the
/// transform is unknown, and with the scan parameters that a sequential frame must have.
pub(super) fn read(bytes: &[u8]) -> (Header, Cow<'_, [u8]>) {
    let mut header = Header::default();
    let mut parts: Vec<Cow<'_, [u8]>> = vec![Cow::Borrowed(&bytes[..bytes.len().min(2)])];
    let (mut at, mut extra, mut is_mended, mut is_jfif) = (2, 0u64, false, false);
    let mut adobe = Vec::new();
    loop {
        let before = at;
        while bytes.get(at).is_some_and(|&byte| byte != 0xff) {
            at += 1;
        }
        extra += (at - before) as u64;
        while bytes.get(at + 1) == Some(&0xff) {
            at += 1;
        }
        let Some(&marker) = bytes.get(at + 1) else { break };
        if marker == 0 {
            (at, extra) = (at + 2, extra + 2);
            continue;
        }
        if ALONE.contains(&marker) {
            (at, is_mended) = (at + 2, true);
            continue;
        }
        let length = bytes.get(at + 2..at + 4).map_or(0, |l| usize::from(u16::from_be_bytes([l[0], l[1]])));
        let Some(segment) = bytes.get(at..at + 2 + length).filter(|_| length >= 2) else { break };
        let body = &segment[4..];
        match marker {
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => header.frame = frame(marker, body),
            0xe0 if body.starts_with(b"JFIF\0") && body.len() >= 12 => {
                is_jfif = true;
                if body[5] > 2 {
                    header.remark("its JFIF version is unknown");
                }
            }
            0xee if body.starts_with(b"Adobe") && body.len() >= 12 => adobe.push((parts.len(), body[11])),
            _ => {}
        }
        parts.push(Cow::Borrowed(segment));
        at += segment.len();
        if marker == 0xda {
            header.scan_components = body.first().copied().map_or(0, usize::from);
            let sequential = header.frame.as_ref().is_some_and(|frame| !frame.progressive);
            let parameters = body.len().saturating_sub(3);
            if sequential && body.len() >= 3 && body[parameters..] != [0, 63, 0] {
                header.remark("the parameters of its scan are those of a progressive one");
                let mut right = segment.to_vec();
                right[4 + parameters..].copy_from_slice(&[0, 63, 0]);
                parts.pop();
                parts.push(Cow::Owned(right));
                is_mended = true;
            }
            break;
        }
    }
    let components = header.frame.as_ref().map_or(0, |frame| frame.sampling.len());
    header.is_rgb = match adobe.last() {
        _ if is_jfif => false,
        Some((_, transform)) => *transform == 0,
        None => header.frame.as_ref().is_some_and(Frame::is_named_rgb),
    };
    for (part, transform) in adobe {
        let is_unknown = matches!((components, transform), (3, 2..) | (4, 1 | 3..));
        if components == 3 && (is_jfif || is_unknown) {
            parts[part] = Cow::Borrowed(&[]);
            is_mended = true;
        } else if components == 4 && is_unknown {
            let mut ycck = parts[part].to_vec();
            ycck[4 + 11] = 2;
            parts[part] = Cow::Owned(ycck);
            is_mended = true;
        }
        if is_unknown {
            header.remark("its Adobe colour transform is unknown");
        }
    }
    if extra > 0 {
        header.note = Some(DecodeNote::ExtraBytes { bytes: extra });
    }
    if extra == 0 && !is_mended {
        return (header, Cow::Borrowed(bytes));
    }
    parts.push(Cow::Borrowed(&bytes[at.min(bytes.len())..]));
    (header, Cow::Owned(parts.concat()))
}

impl Header {
    /// Notes a contradiction, unless there is a note.
    fn remark(&mut self, what: &'static str) {
        self.note.get_or_insert(DecodeNote::Header { what });
    }
}

/// The frame header after marker and length.
fn frame(marker: u8, body: &[u8]) -> Option<Frame> {
    let number = |at: usize| Some(u32::from(u16::from_be_bytes([*body.get(at)?, *body.get(at + 1)?])));
    let count = usize::from(*body.get(5)?);
    let components = body.get(6..6 + 3 * count)?;
    Some(Frame {
        progressive: matches!(marker, 0xc2 | 0xc6 | 0xca | 0xce),
        arithmetic: marker > 0xc8,
        size: (number(3)?, number(1)?),
        names: components.chunks_exact(3).map(|c| c[0]).collect(),
        sampling: components.chunks_exact(3).map(|c| (c[1] >> 4, c[1] & 15)).collect(),
    })
}
