//! The known sets, and the figure that each is reported by.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The figure by which the field reports a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferMetric {
    /// Fraction of the test images whose class is found.
    Top1,
    /// The same fraction of each class, averaged over classes.
    MeanPerClass,
    /// Average precision of each class by eleven recalls (PASCAL VOC 2007), averaged over classes.
    Voc11PointMap,
}

/// A data set of the transfer evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OfficialKind {
    /// Dishes (Bossard et al. 2014).
    Food101,
    /// Small photographs (Krizhevsky 2009).
    Cifar10,
    /// Small photographs (Krizhevsky 2009), the hundred fine classes.
    Cifar100,
    /// Scenes (Xiao et al. 2010), the first of ten partitions.
    Sun397,
    /// Makes of cars (Krause et al. 2013).
    StanfordCars,
    /// Variants of aircraft (Maji et al. 2013).
    FgvcAircraft,
    /// Objects, several in one image (Everingham et al. 2007).
    Voc2007,
    /// Textures (Cimpoi et al. 2014), the first of ten splits.
    Dtd,
    /// Breeds of cats and dogs (Parkhi et al. 2012).
    OxfordPets,
    /// Objects (Fei-Fei et al. 2004), thirty training images of each class.
    Caltech101,
    /// Flowers (Nilsback and Zisserman 2008).
    Flowers102,
}

impl OfficialKind {
    /// All of them, in the order of published tables.
    pub const ALL: [Self; 11] = [
        Self::Food101,
        Self::Cifar10,
        Self::Cifar100,
        Self::Sun397,
        Self::StanfordCars,
        Self::FgvcAircraft,
        Self::Voc2007,
        Self::Dtd,
        Self::OxfordPets,
        Self::Caltech101,
        Self::Flowers102,
    ];

    /// What it is called on the command line and in files, what people call it, and the figure that the field reports.
    fn facts(self) -> (&'static str, &'static str, TransferMetric) {
        use TransferMetric::{MeanPerClass, Top1, Voc11PointMap};
        match self {
            Self::Food101 => ("food101", "Food-101", Top1),
            Self::Cifar10 => ("cifar10", "CIFAR-10", Top1),
            Self::Cifar100 => ("cifar100", "CIFAR-100", Top1),
            Self::Sun397 => ("sun397", "SUN397", Top1),
            Self::StanfordCars => ("cars", "Stanford Cars", Top1),
            Self::FgvcAircraft => ("aircraft", "FGVC Aircraft", MeanPerClass),
            Self::Voc2007 => ("voc2007", "PASCAL VOC 2007", Voc11PointMap),
            Self::Dtd => ("dtd", "DTD", Top1),
            Self::OxfordPets => ("pets", "Oxford-IIIT Pets", MeanPerClass),
            Self::Caltech101 => ("caltech101", "Caltech-101", MeanPerClass),
            Self::Flowers102 => ("flowers", "Flowers-102", MeanPerClass),
        }
    }

    /// What it is called on the command line and in files.
    pub fn name(self) -> &'static str {
        self.facts().0
    }

    /// What people call it.
    pub fn title(self) -> &'static str {
        self.facts().1
    }

    /// The figure that the field reports.
    pub fn metric(self) -> TransferMetric {
        self.facts().2
    }

    /// The kind of this [`Self::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The folder in or below `root` in which the files of this set begin; `None` when it is not there.
    pub(super) fn base(self, root: &Path) -> Option<PathBuf> {
        let below = self.unpacks_to().iter().map(|folder| root.join(folder));
        let shows_it = |place: &PathBuf| self.signs().iter().any(|sign| place.join(sign).exists());
        std::iter::once(root.to_path_buf()).chain(below).find(shows_it)
    }

    /// Folders that the archives, or torchvision's downloads, put the files in.
    fn unpacks_to(self) -> &'static [&'static str] {
        match self {
            Self::Food101 => &["food-101"],
            Self::Cifar10 => &["cifar-10-batches-bin", "cifar-10-batches-py"],
            Self::Cifar100 => &["cifar-100-binary", "cifar-100-python"],
            Self::Sun397 => &["SUN397"],
            Self::StanfordCars => &["stanford_cars"],
            Self::FgvcAircraft => &["fgvc-aircraft-2013b"],
            Self::Voc2007 => &["VOCdevkit/VOC2007", "VOC2007"],
            Self::Dtd => &["dtd"],
            Self::OxfordPets => &["oxford-iiit-pet"],
            Self::Caltech101 => &["caltech-101", "caltech101"],
            Self::Flowers102 => &["flowers-102"],
        }
    }

    /// Files or folders that only this set has. One is enough, so that an incomplete set is still recognised and what
    /// it lacks can be named.
    fn signs(self) -> &'static [&'static str] {
        match self {
            Self::Food101 => &["meta/train.txt", "meta/test.txt"],
            Self::Cifar10 => &["data_batch_1.bin", "data_batch_1"],
            Self::Cifar100 => &["train.bin", "fine_label_names.txt", "file.txt~"],
            Self::Sun397 => &["Training_01.txt", "Partitions/Training_01.txt", "a/abbey"],
            Self::StanfordCars => &["devkit/cars_meta.mat", "cars_train"],
            Self::FgvcAircraft => &["data/images_variant_trainval.txt", "data/variants.txt"],
            Self::Voc2007 => &["ImageSets/Main/aeroplane_trainval.txt", "ImageSets/Main/aeroplane_test.txt"],
            Self::Dtd => &["labels/train1.txt"],
            Self::OxfordPets => &["annotations/trainval.txt"],
            Self::Caltech101 => &["101_ObjectCategories"],
            Self::Flowers102 => &["setid.mat", "imagelabels.mat"],
        }
    }
}
