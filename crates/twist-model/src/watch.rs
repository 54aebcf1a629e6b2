//! The progress of evaluations.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// What is being done, how many images are done, and of how many; 0 of 0 where nothing is counted.
type Hear = dyn FnMut(&str, usize, usize);

/// Tells somebody what an evaluation is doing. Clones tell the same one; the default tells nobody.
#[derive(Clone, Default)]
pub struct Watch(Option<Rc<RefCell<Listener>>>);

struct Listener {
    what: &'static str,
    hear: Box<Hear>,
}

impl Watch {
    /// Tells `hear`.
    pub fn new(hear: impl FnMut(&str, usize, usize) + 'static) -> Self {
        Self(Some(Rc::new(RefCell::new(Listener { what: "images", hear: Box::new(hear) }))))
    }

    /// From now on `what` is done.
    pub fn now(&self, what: &'static str) {
        if let Some(told) = &self.0 {
            told.borrow_mut().what = what;
        }
        self.at(0, 0);
    }

    /// `done` of `all` images are done.
    pub fn at(&self, done: usize, all: usize) {
        if let Some(told) = &self.0 {
            let Listener { what, hear } = &mut *told.borrow_mut();
            hear(what, done, all);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Watch(somebody)" } else { "Watch(nobody)" })
    }
}
