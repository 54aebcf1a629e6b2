//! Cluster scores against values of scikit-learn, and what must hold of them whatever the data.

mod degenerate;
mod pairs;
mod properties;
mod reference;
mod speed;
