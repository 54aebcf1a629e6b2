//! Figures with their values, in the order in which they are shown.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{Figure, figure};

/// The figures of one moment: a step, an evaluation, the end of a run. In a file they are the plain numbers of a JSON object.
///
/// Files of other versions may hold figures that this one does not know, so a key is kept as it is read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures(Vec<(Cow<'static, str>, f64)>);

impl Figures {
    /// Sets `figure`, behind the others where it is new.
    pub fn set(&mut self, figure: &Figure, value: f64) {
        self.put(figure.key.into(), value);
    }

    /// Sets the standard deviation of `figure` over several runs.
    pub fn set_deviation(&mut self, figure: &Figure, value: f64) {
        self.put(deviation(figure).into(), value);
    }

    /// The standard deviation of `figure`; `None` where it is of one run.
    pub fn deviation(&self, figure: &Figure) -> Option<f64> {
        self.by_key(&deviation(figure))
    }

    fn put(&mut self, key: Cow<'static, str>, value: f64) {
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key, value)),
        }
    }

    /// The value of `figure`; `None` when it was not measured.
    pub fn get(&self, figure: &Figure) -> Option<f64> {
        self.by_key(figure.key)
    }

    /// The value under `key`, known here or not.
    pub fn by_key(&self, key: &str) -> Option<f64> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| *value)
    }

    /// Keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), *value))
    }

    /// Whether it has no figures.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps the figures whose value is wanted.
    pub fn retain(&mut self, wanted: impl Fn(f64) -> bool) {
        self.0.retain(|(_, value)| wanted(*value));
    }

    /// Adds `others` behind these.
    pub fn extend(&mut self, others: &Self) {
        others.0.iter().for_each(|(key, value)| self.put(key.clone(), *value));
    }

    /// The plain, finite numbers among `fields`.
    pub fn of_fields(fields: &Map<String, Value>) -> Self {
        let mut figures = Self::default();
        for (key, value) in fields {
            if let Some(value) = value.as_f64().filter(|value| value.is_finite()) {
                figures.put(known(key), value);
            }
        }
        figures
    }

    /// The plain numbers among the fields of a value that is one object in JSON, such as the scores of clusters.
    pub fn of(scores: &impl Serialize) -> Self {
        match serde_json::to_value(scores) {
            Ok(Value::Object(fields)) => Self::of_fields(&fields),
            _ => Self::default(),
        }
    }

    /// The figures as fields of a JSON object: counts as whole numbers, what is not finite as `null`.
    pub fn fields(&self) -> Map<String, Value> {
        self.iter().map(|(key, value)| (key.to_owned(), number(key, value))).collect()
    }
}

/// The key of the standard deviation of `figure`.
fn deviation(figure: &Figure) -> String {
    format!("{}_std", figure.key)
}

/// The key as it was declared, or a copy.
fn known(key: &str) -> Cow<'static, str> {
    Figure::of_key(key).map_or_else(|| Cow::Owned(key.to_owned()), |figure| Cow::Borrowed(figure.key))
}

fn number(key: &str, value: f64) -> Value {
    let counts = Figure::of_key(key).is_some_and(|figure| figure.unit == figure::Unit::Count);
    if counts && value.fract() == 0.0 && value >= 0.0 { (value as u64).into() } else { value.into() }
}

impl<'a> FromIterator<(&'a Figure, f64)> for Figures {
    fn from_iter<I: IntoIterator<Item = (&'a Figure, f64)>>(figures: I) -> Self {
        let mut all = Self::default();
        figures.into_iter().for_each(|(figure, value)| all.set(figure, value));
        all
    }
}

impl Serialize for Figures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(key, value)| (key, number(key, value))))
    }
}

impl<'de> Deserialize<'de> for Figures {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::of_fields(&Map::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_keep_their_order_and_counts_are_whole() {
        let mut figures: Figures = [(figure::LOSS, 1.5), (figure::CLASSES_IN_USE, 9.0)].into_iter().collect();
        figures.set(figure::LOSS, f64::NAN);
        figures.set(figure::KL, 0.25);
        let text = serde_json::to_string(&figures).unwrap();
        assert_eq!(text, r#"{"loss":null,"classes_in_use":9,"kl":0.25}"#);
        let read: Figures = serde_json::from_str(&text).unwrap();
        assert_eq!((read.get(figure::LOSS), read.get(figure::CLASSES_IN_USE)), (None, Some(9.0)));
    }

    #[test]
    fn what_is_not_a_finite_number_is_not_a_figure() {
        let read: Figures =
            serde_json::from_value(json!({"nmi": 0.5, "sets": [1], "name": "x", "ari": null, "new": 3}))
                .unwrap();
        assert_eq!(read.iter().collect::<Vec<_>>(), [("nmi", 0.5), ("new", 3.0)]);
    }
}
