//! The processes that train one network together.

/// Which of the processes of a run this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct World {
    /// Number of this process, from 0.
    pub rank: usize,
    /// Number of processes, at least 1.
    pub size: usize,
}

impl World {
    /// One process, which does everything.
    pub fn one() -> Self {
        Self { rank: 0, size: 1 }
    }

    /// Whether this process writes what a run leaves behind: the first one does, for all.
    pub fn owns_outputs(self) -> bool {
        self.rank == 0
    }
}
