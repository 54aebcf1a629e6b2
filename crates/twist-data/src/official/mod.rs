//! The data sets that transfer is measured on, as their authors publish them.
//!
//! An [`OfficialSet`] is opened from a folder in which the official archives were unpacked, nothing moved or renamed:
//! training images, test images, the part of the training images that serves to choose hyper-parameters where the
//! authors name one, and the figure that the field reports. Split and figure of each set follow Kornblith, Shlens and
//! Le (2019, "Do Better ImageNet Models Transfer Better?", table 1), as SimCLR, BYOL and others after them do.
//!
//! | kind | images | figure |
//! |---|---|---|
//! | [`Food101`](OfficialKind::Food101) | 75,750 + 25,250 | top-1 |
//! | [`Cifar10`](OfficialKind::Cifar10) | 50,000 + 10,000 | top-1 |
//! | [`Cifar100`](OfficialKind::Cifar100) | 50,000 + 10,000 | top-1 |
//! | [`Sun397`](OfficialKind::Sun397), partition 1 | 19,850 + 19,850 | top-1 |
//! | [`StanfordCars`](OfficialKind::StanfordCars) | 8,144 + 8,041 | top-1 |
//! | [`FgvcAircraft`](OfficialKind::FgvcAircraft), variants | 6,667 + 3,333 | mean per class |
//! | [`Voc2007`](OfficialKind::Voc2007) | 5,011 + 4,952 | 11-point mAP |
//! | [`Dtd`](OfficialKind::Dtd), split 1 | 3,760 + 1,880 | top-1 |
//! | [`OxfordPets`](OfficialKind::OxfordPets) | 3,680 + 3,669 | mean per class |
//! | [`Caltech101`](OfficialKind::Caltech101), 102 classes | 3,060 + 6,084 | mean per class |
//! | [`Flowers102`](OfficialKind::Flowers102) | 2,040 + 6,149 | mean per class |
//!
//! Numbers of images are not checked, because several archives exist in corrected versions; every file that a list
//! names has to be there.

mod kind;
mod open;
mod set;

mod layout;

mod files;
mod tags;

mod aircraft;
mod caltech101;
mod cars;
mod cifar;
mod dtd;
mod flowers;
mod food101;
mod pets;
mod sun397;
mod voc2007;

pub use self::kind::{OfficialKind, TransferMetric};
pub use self::open::{find_official, open_official};
pub use self::set::{OfficialSet, SetTags};
pub use self::tags::{Tag, Tags};
