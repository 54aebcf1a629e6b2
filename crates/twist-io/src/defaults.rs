//! Values of keys that a file leaves out.

/// Functions for `#[serde(default = "…")]`, one a row: name, type, value.
#[macro_export]
macro_rules! defaults {
    ($($name:ident: $kind:ty = $value:expr;)*) => {
        $(pub(super) fn $name() -> $kind {
            $value
        })*
    };
}
