//! Which columns hold the images and the labels.

use parquet::basic::Type as Physical;
use parquet::file::metadata::FileMetaData;
use parquet::schema::types::ColumnDescriptor;

use crate::dataset::LabelSource;
use crate::dataset::left_out::Leftovers;

/// The columns of a table that matter.
#[derive(Debug)]
pub(super) struct Columns {
    /// Leaf column with the bytes of the images.
    pub(super) image: usize,
    /// Leaf column with the labels.
    pub(super) label: Option<usize>,
    /// Names of both; their places may differ from file to file.
    names: [Option<String>; 2],
    is_text: bool,
    /// Names of the classes, where the metadata has them.
    pub(super) classes: Option<Vec<String>>,
    /// Columns that are called as those of labels are, and that were not chosen.
    unused: Vec<String>,
    /// Columns that are called so and whose type cannot name classes.
    unfit: Vec<String>,
    others: Vec<String>,
}

/// Names that label columns usually have, the preferred first.
const LABELS: [&str; 5] = ["label", "fine_label", "labels", "class", "coarse_label"];
/// Names that image columns usually have.
const IMAGES: [&str; 2] = ["image", "img"];

impl Columns {
    /// Chooses by the `huggingface` metadata, where there is any, and by names otherwise.
    pub(super) fn choose(file: &FileMetaData, source: &LabelSource) -> Result<Self, String> {
        let coarse = *source == LabelSource::Coarse;
        let leaves = file.schema_descr().columns();
        let features = features(file)?;
        let root = |leaf: &ColumnDescriptor| leaf.path().parts().first().cloned().unwrap_or_default();
        let feature = |name: &str| features.get(name);
        let is_type = |name: &str, kind: &str| feature(name).and_then(|f| f["_type"].as_str()) == Some(kind);

        let holds_bytes = |leaf: &ColumnDescriptor| {
            let parts = leaf.path().parts();
            let is_bytes = match parts {
                [_] => true,
                [_, inner] => inner == "bytes",
                _ => false,
            };
            is_bytes && leaf.physical_type() == Physical::BYTE_ARRAY && leaf.max_rep_level() == 0
        };
        let rank = |leaf: &ColumnDescriptor| {
            let name = root(leaf);
            let known = IMAGES.iter().position(|&n| n == name).unwrap_or(IMAGES.len());
            (!is_type(&name, "Image"), leaf.path().parts().len() == 1, known)
        };
        let image = (0..leaves.len()).filter(|&i| holds_bytes(&leaves[i])).min_by_key(|&i| rank(&leaves[i]));
        // A bare column of bytes or text counts only under a name that says what it is.
        let plausible = |&i: &usize| {
            let name = root(&leaves[i]);
            is_type(&name, "Image") || leaves[i].path().parts().len() == 2 || IMAGES.contains(&name.as_str())
        };
        let image = image.filter(plausible).ok_or_else(|| {
            let found = leaves.iter().map(|l| l.path().string()).collect::<Vec<_>>().join(", ");
            format!("it has no image column, a struct with the field `bytes`; its columns are {found}")
        })?;

        let preference = |name: &str| {
            let preferred = if coarse { "coarse_label" } else { "label" };
            if name == preferred { Some(0) } else { LABELS.iter().position(|&n| n == name).map(|p| p + 1) }
        };
        let can_label = |leaf: &ColumnDescriptor| {
            let kinds = [
                Physical::BOOLEAN,
                Physical::INT32,
                Physical::INT64,
                Physical::FLOAT,
                Physical::DOUBLE,
                Physical::BYTE_ARRAY,
            ];
            leaf.path().parts().len() == 1
                && kinds.contains(&leaf.physical_type())
                && leaf.max_rep_level() == 0
        };
        let is_called_so =
            |i: &usize| is_type(&root(&leaves[*i]), "ClassLabel") || preference(&root(&leaves[*i])).is_some();
        let wanted = if *source == LabelSource::None { 0 } else { leaves.len() };
        let (mut fit, unfit): (Vec<usize>, Vec<usize>) =
            (0..wanted).filter(|&i| i != image).filter(is_called_so).partition(|&i| can_label(&leaves[i]));
        fit.sort_by_key(|&i| {
            let name = root(&leaves[i]);
            (preference(&name).unwrap_or(usize::MAX), !is_type(&name, "ClassLabel"))
        });
        let label = fit.first().copied();
        if coarse && label.map(|i| root(&leaves[i])).as_deref() != Some("coarse_label") {
            return Err("it has no column coarse_label".to_owned());
        }
        let classes = label.and_then(|i| class_names(feature(&root(&leaves[i]))?));
        let called = |columns: &[usize]| {
            let mut names: Vec<String> = columns.iter().map(|&i| root(&leaves[i])).collect();
            names.dedup();
            names
        };
        let kind = |&i: &usize| format!("{} ({})", root(&leaves[i]), leaves[i].physical_type());
        let unused = called(fit.get(1..).unwrap_or_default());
        let taken = [called(&[image]), called(&fit), called(&unfit)].concat();
        let mut others = called(&(0..leaves.len()).collect::<Vec<_>>());
        others.retain(|name| !taken.contains(name));
        others.sort();
        let unfit = unfit.iter().map(kind).collect();
        let names = [Some(image), label].map(|place| place.map(|i| leaves[i].path().string()));
        let is_text = label.is_some_and(|i| leaves[i].physical_type() == Physical::BYTE_ARRAY);
        Ok(Self { image, label, names, is_text, classes, unused, unfit, others })
    }

    pub(super) fn label_called(&self) -> Option<&str> {
        self.names[1].as_deref()
    }

    /// Says which columns are not used.
    pub(super) fn note(&self, leftovers: &mut Leftovers) {
        let chosen = self.label_called().unwrap_or_default();
        let one = format!("further column of labels beside {chosen}, which is used");
        let many = format!("further columns of labels beside {chosen}, which is used");
        self.unused.iter().for_each(|name| leftovers.add([&one, &many], name.clone()));
        let kind = [
            "column of labels whose type cannot name classes",
            "columns of labels whose type cannot name classes",
        ];
        self.unfit.iter().for_each(|name| leftovers.add(kind, name.clone()));
        self.others
            .iter()
            .for_each(|name| leftovers.add(["further column", "further columns"], name.clone()));
    }

    /// Whether another file has the same columns, in any order, and classes; if not, what differs.
    pub(super) fn agree(&self, other: &Self) -> Result<(), String> {
        let called = |name: &Option<String>| name.clone().unwrap_or_else(|| "none".into());
        for (ours, theirs, what) in
            [(&self.names[0], &other.names[0], "images"), (&self.names[1], &other.names[1], "labels")]
        {
            if ours != theirs {
                let (ours, theirs) = (called(ours), called(theirs));
                return Err(format!("its column of {what} is {ours}, not {theirs}"));
            }
        }
        if self.is_text != other.is_text {
            let what = |is_text| if is_text { "text" } else { "numbers" };
            return Err(format!("its labels are {}, not {}", what(self.is_text), what(other.is_text)));
        }
        if self.classes != other.classes { Err("its class names differ".into()) } else { Ok(()) }
    }
}

/// `info.features` of the `huggingface` metadata, or nothing.
fn features(file: &FileMetaData) -> Result<serde_json::Map<String, serde_json::Value>, String> {
    let entries = file.key_value_metadata().map_or(&[][..], Vec::as_slice);
    let Some(text) = entries.iter().find(|e| e.key == "huggingface").and_then(|e| e.value.as_deref()) else {
        return Ok(serde_json::Map::new());
    };
    let json: serde_json::Value =
        serde_json::from_str(text).map_err(|e| format!("its huggingface metadata is not JSON: {e}"))?;
    Ok(json["info"]["features"].as_object().cloned().unwrap_or_default())
}

/// The names of a `ClassLabel`: a list, or an object from number to name.
fn class_names(feature: &serde_json::Value) -> Option<Vec<String>> {
    let text = |v: &serde_json::Value| v.as_str().map(str::to_owned);
    match &feature["names"] {
        serde_json::Value::Array(names) => names.iter().map(text).collect(),
        serde_json::Value::Object(names) => {
            (0..names.len()).map(|i| text(names.get(&i.to_string())?)).collect()
        }
        _ => None,
    }
}
