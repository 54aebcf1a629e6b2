//! Which columns hold the images and the labels.

use parquet::basic::Type as Physical;
use parquet::file::metadata::FileMetaData;
use parquet::schema::types::ColumnDescriptor;

/// The columns of a table that matter.
#[derive(Debug)]
pub(super) struct Columns {
    /// Leaf column with the bytes of the images.
    pub(super) image: usize,
    /// Leaf column with the labels.
    pub(super) label: Option<usize>,
    /// Names of both; their places may differ from file to file.
    names: [Option<String>; 2],
    /// Names of the classes, where the metadata has them.
    pub(super) classes: Option<Vec<String>>,
    /// Names of the other columns.
    pub(super) others: Vec<String>,
}

/// Names that label columns usually have, the preferred first.
const LABELS: [&str; 5] = ["label", "fine_label", "labels", "class", "coarse_label"];
/// Names that image columns usually have.
const IMAGES: [&str; 2] = ["image", "img"];

impl Columns {
    /// Chooses by the `huggingface` metadata, where there is any, and by names otherwise.
    pub(super) fn choose(file: &FileMetaData, coarse: bool) -> Result<Self, String> {
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
        let label = (0..leaves.len())
            .filter(|&i| i != image && can_label(&leaves[i]))
            .filter(|&i| is_type(&root(&leaves[i]), "ClassLabel") || preference(&root(&leaves[i])).is_some())
            .min_by_key(|&i| {
                let name = root(&leaves[i]);
                (preference(&name).unwrap_or(usize::MAX), !is_type(&name, "ClassLabel"))
            });
        if coarse && label.map(|i| root(&leaves[i])).as_deref() != Some("coarse_label") {
            return Err("it has no column coarse_label".to_owned());
        }
        let classes = label.and_then(|i| class_names(feature(&root(&leaves[i]))?));
        let mut others: Vec<String> = leaves.iter().map(|l| root(l)).collect();
        others.dedup();
        let used = [Some(image), label].map(|i| i.map(|i| root(&leaves[i])));
        others.retain(|name| !used.contains(&Some(name.clone())));
        others.sort();
        let names = [Some(image), label].map(|place| place.map(|i| leaves[i].path().string()));
        Ok(Self { image, label, names, classes, others })
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
