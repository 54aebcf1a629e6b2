//! A thread that owns a model. libtorch's tensors stay in it, and Python's threads ask it one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded, unbounded};
use pyo3::{PyResult, Python};
use twist_io::Refused;
use twist_model::ModelError;

use crate::error::{TwistError, raised};

/// How often somebody who waits looks for Ctrl-C.
const LOOK: Duration = Duration::from_millis(50);

type Job<S> = Box<dyn FnOnce(&S) + Send>;

/// Asks a job to end.
#[derive(Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Fails once nobody waits for the job any more.
    pub(crate) fn check(&self) -> Result<(), ModelError> {
        match self.0.load(Ordering::Relaxed) {
            true => Err(Refused::new("interrupted").into()),
            false => Ok(()),
        }
    }
}

/// The way to a thread that owns an `S`; it ends when the last way to it is gone.
pub(crate) struct Worker<S> {
    jobs: Sender<Job<S>>,
    /// The process in which the thread runs.
    process: u32,
}

impl<S: 'static> Worker<S> {
    /// Starts a thread and makes its `S` there; `of` takes what the caller wants to know of it.
    pub(crate) fn start<T: Send + 'static>(
        py: Python<'_>,
        make: impl FnOnce(&Stop) -> Result<S, ModelError> + Send + 'static,
        of: impl FnOnce(&S) -> T + Send + 'static,
    ) -> PyResult<(Self, T)> {
        let (jobs, queue) = unbounded::<Job<S>>();
        let (answer, answered) = bounded(1);
        let (worker, stop) = (Self { jobs, process: std::process::id() }, Stop::default());
        let stopped = stop.clone();
        let thread = std::thread::Builder::new().name("twist-model".into()).spawn(move || {
            let made = make(&stopped).map(|made| (of(&made), made));
            let (fact, made) = match made {
                Ok((fact, made)) => (Ok(fact), Some(made)),
                Err(error) => (Err(error), None),
            };
            // Whoever was interrupted does not wait for the answer.
            let _ = answer.send(fact);
            if let Some(made) = made {
                queue.iter().for_each(|job| job(&made));
            }
        });
        thread.map_err(raised)?;
        let fact = worker.wait(py, &answered, &stop)?;
        Ok((worker, fact))
    }

    /// What `job` makes of the `S`. The interpreter is free meanwhile, and Ctrl-C ends the wait and soon the job.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        py: Python<'_>,
        job: impl FnOnce(&S, &Stop) -> Result<T, ModelError> + Send + 'static,
    ) -> PyResult<T> {
        let (answer, answered) = bounded(1);
        let stop = Stop::default();
        let stopped = stop.clone();
        let job = move |owned: &S| {
            let _ = answer.send(stopped.check().and_then(|()| job(owned, &stopped)));
        };
        if self.process != std::process::id() || self.jobs.send(Box::new(job)).is_err() {
            return Err(self.is_gone());
        }
        self.wait(py, &answered, &stop)
    }

    fn wait<T: Send>(
        &self,
        py: Python<'_>,
        answered: &crossbeam_channel::Receiver<Result<T, ModelError>>,
        stop: &Stop,
    ) -> PyResult<T> {
        loop {
            match py.detach(|| answered.recv_timeout(LOOK)) {
                Ok(answer) => return answer.map_err(raised),
                Err(RecvTimeoutError::Timeout) => {
                    py.check_signals().inspect_err(|_| stop.0.store(true, Ordering::Relaxed))?;
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.is_gone()),
            }
        }
    }

    fn is_gone(&self) -> pyo3::PyErr {
        TwistError::new_err(match self.process == std::process::id() {
            true => {
                "the model stopped with the panic printed above: please report it with the images that cause it"
            }
            false => {
                "this process is a fork, and the model stayed in the process that loaded it: load it here again"
            }
        })
    }
}
