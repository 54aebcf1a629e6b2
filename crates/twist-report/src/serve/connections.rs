//! The connections that are open, and which of them has to go when there are too many.
//!
//! Any process that can reach the port can open connections without knowing the token, and each costs a file handle. So there are at
//! most as many as a few browsers need, and room is made by closing the oldest of those that never showed the token: nobody
//! can lock the owner out.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

use tokio::task::JoinHandle;

/// Connections at a time. A browser opens six.
pub(super) const MOST: usize = 48;

/// Whether a connection brought the token.
pub(super) type Known = Rc<Cell<bool>>;

/// The open connections, the oldest first.
#[derive(Default)]
pub(super) struct Connections(VecDeque<(JoinHandle<()>, Known)>);

impl Connections {
    /// Keeps the connection that `task` serves, and closes others where there are too many.
    pub(super) fn add(&mut self, task: JoinHandle<()>, known: Known) {
        self.0.retain(|(task, _)| !task.is_finished());
        while self.0.len() >= MOST {
            self.close_one();
        }
        self.0.push_back((task, known));
    }

    /// Closes the oldest stranger, or without strangers the oldest connection.
    pub(super) fn close_one(&mut self) {
        self.0.retain(|(task, _)| !task.is_finished());
        let stranger = self.0.iter().position(|(_, known)| !known.get()).unwrap_or(0);
        if let Some((task, _)) = self.0.remove(stranger) {
            task.abort();
        }
    }
}
