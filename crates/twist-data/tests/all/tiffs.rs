//! A minimal writer of TIFFs, for kinds that no library writes.

/// Tags of a TIFF in one strip; tests change and add some.
pub(crate) struct Tiff {
    pub(crate) size: (u32, u32),
    pub(crate) samples: u16,
    pub(crate) bits: u16,
    /// 1 unsigned, 2 signed, 3 floating point.
    pub(crate) format: u16,
    /// 0 white is zero, 1 black is zero, 2 RGB.
    pub(crate) model: u16,
    /// Further tags with one short value.
    pub(crate) more: Vec<(u16, u16)>,
    /// Side of square tiles, instead of a strip.
    pub(crate) tile: Option<u32>,
    /// One plane for each sample.
    pub(crate) planar: bool,
}

impl Tiff {
    pub(crate) fn gray(width: u32, height: u32, bits: u16, format: u16) -> Self {
        let (more, tile, planar) = (Vec::new(), None, false);
        Self { size: (width, height), samples: 1, bits, format, model: 1, more, tile, planar }
    }

    pub(crate) fn rgb(width: u32, height: u32, bits: u16, format: u16) -> Self {
        Self { samples: 3, model: 2, ..Self::gray(width, height, bits, format) }
    }

    /// The file with these parts: one strip, or as many tiles and planes as there are.
    pub(crate) fn file(&self, parts: &[Vec<u8>]) -> Vec<u8> {
        let (mut file, mut starts) = (b"II*\0\0\0\0\0".to_vec(), Vec::new());
        for part in parts {
            starts.push(file.len() as u32);
            file.extend(part);
        }
        let lengths: Vec<u32> = parts.iter().map(|part| part.len() as u32).collect();
        let short = |value: u16| vec![u32::from(value)];
        let mut tags: Vec<(u16, u16, Vec<u32>)> = vec![
            (256, 4, vec![self.size.0]),
            (257, 4, vec![self.size.1]),
            (258, 3, vec![u32::from(self.bits); usize::from(self.samples)]),
            (259, 3, short(1)),
            (262, 3, short(self.model)),
            (277, 3, short(self.samples)),
            (284, 3, short(if self.planar { 2 } else { 1 })),
            (339, 3, vec![u32::from(self.format); usize::from(self.samples)]),
        ];
        tags.extend(self.more.iter().map(|&(tag, value)| (tag, 3, short(value))));
        match self.tile {
            None => tags.extend([(273, 4, starts), (278, 4, vec![self.size.1]), (279, 4, lengths)]),
            Some(side) => {
                tags.extend([
                    (322, 4, vec![side]),
                    (323, 4, vec![side]),
                    (324, 4, starts),
                    (325, 4, lengths),
                ]);
            }
        }
        tags.sort();
        let mut directory = (tags.len() as u16).to_le_bytes().to_vec();
        for (tag, kind, values) in tags {
            let bytes: Vec<u8> = values
                .iter()
                .flat_map(|value| value.to_le_bytes().into_iter().take(if kind == 3 { 2 } else { 4 }))
                .collect();
            let mut place = bytes.clone();
            if bytes.len() > 4 {
                place = (file.len() as u32).to_le_bytes().to_vec();
                file.extend(&bytes);
            }
            place.resize(4, 0);
            directory.extend(tag.to_le_bytes());
            directory.extend(kind.to_le_bytes());
            directory.extend((values.len() as u32).to_le_bytes());
            directory.extend(place);
        }
        let start = (file.len() as u32).to_le_bytes();
        file[4..8].copy_from_slice(&start);
        file.extend(directory);
        file.extend([0; 4]);
        file
    }
}
