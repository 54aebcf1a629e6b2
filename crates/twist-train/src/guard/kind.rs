//! The kinds of collapse, their names and what helps.

/// How a run failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CollapseKind {
    /// Every image gets the same distribution, a flat one as a rule.
    Uniform,
    /// Every image goes into one class.
    OneHot,
    /// Most classes win no image.
    DeadClasses,
    /// The loss is NaN or infinite.
    NonFiniteLoss,
    /// A gradient is NaN or infinite.
    NonFiniteGradient,
}

impl CollapseKind {
    /// The name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::OneHot => "one_hot",
            Self::DeadClasses => "dead_classes",
            Self::NonFiniteLoss => "non_finite_loss",
            Self::NonFiniteGradient => "non_finite_gradient",
        }
    }

    /// What happened and what to change, in this order of likelihood.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Uniform => {
                "every image gets the same distribution, so none tells its class: agreement of the views won over sharpness \
                 and diversity. Raise loss.lam2 (1 is the paper's value) or loss.lam1 (0 is the paper's value for ResNets), \
                 keep the norm before softmax (model.norm = true), make the views less different (larger scale), or \
                 lower optim.lr"
            }
            Self::OneHot => {
                "every image goes into one class. The diversity term is too weak: raise loss.lam2 (1 is the paper's \
                 value), or use a larger train.batch_size; without the norm before softmax (model.norm = false) nothing keeps the \
                 classes apart"
            }
            Self::DeadClasses => {
                "most classes win no image. Raise loss.lam2 (1 is the paper's value), lower optim.lr, or ask for fewer \
                 clusters (--clusters); if so few are what the data has, lower guard.dead_fraction"
            }
            Self::NonFiniteLoss | Self::NonFiniteGradient => {
                "a number became NaN or infinite. Lower optim.lr or lengthen schedule.warmup_epochs, clip gradients \
                 (optim.clip_norm = 3), and if precision is bf16 try --precision fp32; the saved step tells which \
                 images came last"
            }
        }
    }
}

impl std::fmt::Display for CollapseKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
