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

/// What is known of a set.
struct Facts {
    /// What it is called on the command line and in files.
    name: &'static str,
    /// What people call it.
    title: &'static str,
    metric: TransferMetric,
    /// The page that the archives are published on.
    page: &'static str,
    /// Folders that the archives, or torchvision's downloads, put the files in.
    unpacks_to: &'static [&'static str],
    /// Files or folders that only this set has. One is enough, so that an incomplete set is still recognised and what
    /// it lacks can be named.
    signs: &'static [&'static str],
}

/// Declares the sets and their [`Facts`], in the order of published tables.
macro_rules! sets {
    ($(
        $(#[$doc:meta])*
        $kind:ident = $name:literal, $title:literal, $metric:ident, $page:literal, $folders:expr, $signs:expr;
    )*) => {
        /// A data set of the transfer evaluation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum OfficialKind {
            $($(#[$doc])* $kind,)*
        }

        impl OfficialKind {
            /// All of them, in the order of published tables.
            pub const ALL: [Self; 11] = [$(Self::$kind),*];

            fn facts(self) -> Facts {
                match self {
                    $(Self::$kind => Facts {
                        name: $name,
                        title: $title,
                        metric: TransferMetric::$metric,
                        page: $page,
                        unpacks_to: &$folders,
                        signs: &$signs,
                    },)*
                }
            }
        }
    };
}

sets! {
    /// Dishes (Bossard et al. 2014).
    Food101 = "food101", "Food-101", Top1, "https://data.vision.ee.ethz.ch/cvl/datasets_extra/food-101/",
        ["food-101"], ["meta/train.txt", "meta/test.txt"];
    /// Small photographs (Krizhevsky 2009).
    Cifar10 = "cifar10", "CIFAR-10", Top1, "https://www.cs.toronto.edu/~kriz/cifar.html",
        ["cifar-10-batches-bin", "cifar-10-batches-py"], ["data_batch_1.bin", "data_batch_1"];
    /// Small photographs (Krizhevsky 2009), the hundred fine classes.
    Cifar100 = "cifar100", "CIFAR-100", Top1, "https://www.cs.toronto.edu/~kriz/cifar.html",
        ["cifar-100-binary", "cifar-100-python"], ["train.bin", "fine_label_names.txt", "file.txt~"];
    /// Scenes (Xiao et al. 2010), the first of ten partitions.
    Sun397 = "sun397", "SUN397", Top1, "https://vision.princeton.edu/projects/2010/SUN/",
        ["SUN397"], ["Training_01.txt", "Partitions/Training_01.txt", "a/abbey"];
    /// Makes of cars (Krause et al. 2013).
    StanfordCars = "cars", "Stanford Cars", Top1, "https://ai.stanford.edu/~jkrause/cars/car_dataset.html",
        ["stanford_cars"], ["devkit/cars_meta.mat", "cars_train"];
    /// Variants of aircraft (Maji et al. 2013).
    FgvcAircraft = "aircraft", "FGVC Aircraft", MeanPerClass, "https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/",
        ["fgvc-aircraft-2013b"], ["data/images_variant_trainval.txt", "data/variants.txt"];
    /// Objects, several in one image (Everingham et al. 2007).
    Voc2007 = "voc2007", "PASCAL VOC 2007", Voc11PointMap, "http://host.robots.ox.ac.uk/pascal/VOC/voc2007/",
        ["VOCdevkit/VOC2007", "VOC2007"], ["ImageSets/Main/aeroplane_trainval.txt", "ImageSets/Main/aeroplane_test.txt"];
    /// Textures (Cimpoi et al. 2014), the first of ten splits.
    Dtd = "dtd", "DTD", Top1, "https://www.robots.ox.ac.uk/~vgg/data/dtd/", ["dtd"], ["labels/train1.txt"];
    /// Breeds of cats and dogs (Parkhi et al. 2012).
    OxfordPets = "pets", "Oxford-IIIT Pets", MeanPerClass, "https://www.robots.ox.ac.uk/~vgg/data/pets/",
        ["oxford-iiit-pet"], ["annotations/trainval.txt"];
    /// Objects (Fei-Fei et al. 2004), thirty training images of each class.
    Caltech101 = "caltech101", "Caltech-101", MeanPerClass, "https://data.caltech.edu/records/mzrjq-6wc02",
        ["caltech-101", "caltech101"], ["101_ObjectCategories"];
    /// Flowers (Nilsback and Zisserman 2008).
    Flowers102 = "flowers", "Flowers-102", MeanPerClass, "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/",
        ["flowers-102"], ["setid.mat", "imagelabels.mat"];
}

impl OfficialKind {
    /// What it is called on the command line and in files.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// What people call it.
    pub fn title(self) -> &'static str {
        self.facts().title
    }

    /// The figure that the field reports.
    pub fn metric(self) -> TransferMetric {
        self.facts().metric
    }

    pub(super) fn page(self) -> &'static str {
        self.facts().page
    }

    /// The kind of this [`Self::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The folder in or below `root` in which the files of this set begin; `None` when it is not there.
    pub(super) fn base(self, root: &Path) -> Option<PathBuf> {
        let Facts { unpacks_to, signs, .. } = self.facts();
        let below = unpacks_to.iter().map(|folder| root.join(folder));
        let shows_it = |place: &PathBuf| signs.iter().any(|sign| place.join(sign).exists());
        std::iter::once(root.to_path_buf()).chain(below).find(shows_it)
    }
}
