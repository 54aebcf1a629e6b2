//! Transfer: what a network is worth on other data sets, the protocols of Kornblith et al. (2019), SimCLR
//! (Chen et al. 2020, appendix B.8) and BYOL (Grill et al. 2020, appendix D).
//!
//! **Linear** ([`linear_transfer`]). Images are resized so that the shorter side is as long as the crop (bicubic),
//! without augmentation. On their features, a logistic regression with L2 regularisation is fitted by L-BFGS
//! ([`crate::Logistic`]); its strength is one of 45 logarithmic values from 1e-6 to 1e5. Papers do not say by what the
//! strength is multiplied. Here it is as in scikit-learn with `C = 1 / l2`, which is how Ericsson et al. (2021, "How Well
//! Do Self-Supervised Models Transfer?") repeated the protocol in public.
//!
//! **Fine-tuning** ([`finetune_transfer`]). All weights learn by SGD with Nesterov's momentum on random crops and flips;
//! rate and weight decay are chosen from a grid.
//!
//! In both, the setting is the one that does best on a validation part of the training images: the authors' own where
//! they name one, else a fifth of each class. Then all training images are learned from once more, and the test images
//! are looked at once. Each data set has its own figure ([`twist_data::TransferMetric`]).

mod finetune;
mod linear;

mod holdout;
mod result;

pub use finetune::{FinetuneTransferProtocol, finetune_transfer};
pub use linear::{LinearTransferProtocol, linear_transfer, transfer_transform};
pub use result::{Selection, TransferMethod, TransferResult};
