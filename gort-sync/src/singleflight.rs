//! `SingleFlight`: if several callers want the same thing at the same time, one of them fetches it.
//! Go's `golang.org/x/sync/singleflight`.
//!
//! A flight's `sharers` counts the callers that wait for its outcome, until the caller that runs it
//! closes the count. A later caller finds it closed and starts a flight of its own. Hence it does
//! not matter when the flight leaves the map, and the sharers are told without the map's lock.
//!
//! From the time when a flight is in the map until it is closed, its sharers depend on it. The only
//! user code that runs in between does so under [`caught::call`]. The code that hashes, compares
//! and drops keys runs before or afterwards. If this code panics, the flight stays in the map,
//! where it holds up no caller.
//!
//! # Orderings
//! `sharers` is only a count, so its operations are relaxed. Closing the count is relaxed as well,
//! since only the runner acts on it. The wait group publishes the outcome.

use crate::caught::{self, Unwound};
use crate::channel::{Receiver, bounded};
use crate::mutex::Mutex;
use crate::waitgroup::WaitGroup;
use gort_runtime::{Builder, MayWait, WaitReason, discard, goexit, point, raise, try_current};
use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::thread;

/// Runs one function per key at a time, and returns its result to all callers that asked while it
/// ran. Clones are the same group. Go's `singleflight.Group`.
///
/// ```
/// use gort::sync::SingleFlight;
///
/// let flight = SingleFlight::new();
/// let (page, shared) = flight.run("index.html", || String::from("<html>"));
/// assert_eq!(page, "<html>");
/// assert!(!shared, "nobody else asked");
/// ```
pub struct SingleFlight<K, V> {
    /// A mutex that parks, since keys are hashed, compared and dropped under it.
    flights: Arc<Mutex<Flights<K, V>>>,
}

type Flights<K, V> = HashMap<Arc<K>, Arc<Flight<V>>>;

/// One run of a function.
struct Flight<V> {
    running: WaitGroup,
    sharers: AtomicUsize,
    outcome: OnceLock<Outcome<V>>,
}

/// The `sharers` of a flight that no caller can join any more: adding one fails.
const CLOSED: usize = usize::MAX;

/// What the sharers get.
enum Outcome<V> {
    /// The value, in a mutex so that many callers can clone it even if it is not `Sync`.
    Value(Mutex<V>),
    Panicked(String),
    Exited,
}

impl<V> Flight<V> {
    fn new() -> Arc<Self> {
        let running = WaitGroup::new();
        running.add(1);
        Arc::new(Self {
            running,
            sharers: AtomicUsize::new(0),
            outcome: OnceLock::new(),
        })
    }

    /// Joins the sharers. Returns false if it is too late.
    fn join(&self) -> bool {
        self.sharers
            .fetch_update(Relaxed, Relaxed, |n| n.checked_add(1))
            .is_ok()
    }

    /// Lets no more callers join, and returns the number of those that have joined.
    fn close(&self) -> usize {
        self.sharers.swap(CLOSED, Relaxed)
    }

    fn end(&self, outcome: Outcome<V>) {
        // The outcome is empty until now, because one caller runs the flight, and ends it once.
        drop(self.outcome.set(outcome));
        self.running.done();
    }
}

impl<V: Clone> Flight<V> {
    /// Returns the value of a flight that has ended, if it has one.
    fn value(&self) -> Option<V> {
        match self.outcome.get() {
            Some(Outcome::Value(value)) => Some(value.lock().clone()),
            _ => None,
        }
    }

    /// Returns the outcome of a flight that has ended, for one of its sharers.
    fn share(&self) -> V {
        match self.outcome.get() {
            Some(Outcome::Value(value)) => value.lock().clone(),
            // The panic hook printed the panic for the caller that ran the flight.
            Some(Outcome::Panicked(message)) => raise(Box::new(message.clone())),
            Some(Outcome::Exited) if try_current().is_some() => goexit(),
            Some(Outcome::Exited) => {
                panic!("the shared function called `goexit`, and this is a plain thread")
            }
            None => unreachable!("the outcome is set before the sharers continue"),
        }
    }
}

impl<K: Eq + Hash, V: Clone> SingleFlight<K, V> {
    /// Creates a group in which nothing is running.
    #[must_use]
    pub fn new() -> Self {
        Self {
            flights: Arc::new(Mutex::new(HashMap::new())),
        }
    }

    /// Runs `f`. If a function is already running for an equal key, waits for the result of that
    /// one instead. The second part of the result says whether several callers got it. Go's `Do`.
    ///
    /// A function that asks for its own key waits for itself, for ever.
    ///
    /// # Panics
    /// If the function panics, every caller that shares it panics: the caller that ran it with the
    /// function's payload, the others with its message (a `String`). If the function calls
    /// `goexit`, so does every caller; on a plain thread that is a panic.
    #[track_caller]
    pub fn run<F>(&self, key: K, f: F) -> (V, bool)
    where
        F: FnOnce() -> V,
    {
        point::point_of_all("single flight", Location::caller());
        match self.begin(key) {
            Begun::Joined(flight) => {
                flight.running.wait();
                // `f` is dropped here, before there is a value that a panic in its destructor could
                // lose.
                drop(f);
                (flight.share(), true)
            }
            Begun::Ours(flying) => flying.run(f),
        }
    }

    /// Like [`run`](Self::run), but does not wait: `f` runs in a goroutine, and the channel
    /// delivers the result of the flight, once. When this returns, the flight has begun or was
    /// joined. Go's `DoChan`.
    ///
    /// If the function panics or exits, the channel is closed without a value. Dropping the
    /// receiver stops nothing.
    ///
    /// # Panics
    /// Panics if no goroutine can be started. The flight has then failed for the callers that share
    /// it, too.
    ///
    /// # Examples
    /// ```
    /// use gort::prelude::*;
    /// use gort::sync::SingleFlight;
    ///
    /// let flight = SingleFlight::new();
    /// let page = flight.run_chan("index.html", || String::from("<html>"));
    /// select! {
    ///     got = <-page => assert_eq!(got, Ok((String::from("<html>"), false))),
    ///     after(Duration::from_secs(10)) => println!("too slow"),
    /// }
    /// assert_eq!(page.recv(), Err(RecvError), "it came once");
    /// ```
    #[track_caller]
    pub fn run_chan<F>(&self, key: K, f: F) -> Receiver<(V, bool)>
    where
        F: FnOnce() -> V + Send + 'static,
        K: Send + Sync + 'static,
        V: Send + 'static,
    {
        let (tx, rx) = bounded(1);
        let deliver = move |result| drop(tx.send(result));
        let started = match self.begin(key) {
            Begun::Joined(flight) => Builder::new().spawn(move || {
                drop(f);
                flight.running.wait();
                // The caller that ran the function reports how it failed.
                if let Some(value) = flight.value() {
                    deliver((value, true));
                }
            }),
            Begun::Ours(flying) => Builder::new().spawn(move || deliver(flying.run(f))),
        };
        if let Err(e) = started {
            panic!("cannot start a goroutine: {e}");
        }
        rx
    }

    /// Joins the flight for this key if there is one; otherwise begins one.
    fn begin(&self, key: K) -> Begun<K, V> {
        let key = Arc::new(key);
        // Checked before this caller counts as a sharer.
        let _ = MayWait::check(WaitReason::OnceDo);
        let mut flights = self.flights.lock();
        match flights.get(&key) {
            Some(flight) if flight.join() => {
                let flight = Arc::clone(flight);
                drop(flights);
                Begun::Joined(flight)
            }
            _ => {
                let flight = Flight::new();
                let old = flights.insert(Arc::clone(&key), Arc::clone(&flight));
                drop(flights);
                Begun::Ours(Flying {
                    registration: Some(Registration {
                        group: self.clone(),
                        key,
                        flight,
                    }),
                    old,
                })
            }
        }
    }

    /// Makes the next [`run`](Self::run) with this key start a function of its own, even while one
    /// is running. Go's `Forget`.
    ///
    /// ```
    /// use gort::sync::SingleFlight;
    ///
    /// let flight = SingleFlight::new();
    /// let page = flight.run("/", || {
    ///     // The page has changed: our result is good only for callers that have already asked.
    ///     flight.forget(&"/");
    ///     assert_eq!(flight.run("/", || "new"), ("new", false));
    ///     "old"
    /// });
    /// assert_eq!(page, ("old", false));
    /// ```
    pub fn forget(&self, key: &K) {
        let forgotten = self.flights.lock().remove_entry(key);
        // Keys and values are dropped without the lock.
        drop(forgotten);
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    caught::message(payload)
        .unwrap_or("the shared function panicked")
        .to_owned()
}

/// The result of joining or beginning a flight.
enum Begun<K: Eq + Hash, V> {
    /// A flight that another caller runs, and that counts us.
    Joined(Arc<Flight<V>>),
    /// A flight that this caller has to run.
    Ours(Flying<K, V>),
}

/// The duty to run a flight. If it is dropped instead, because no goroutine could be started, the
/// flight has failed.
struct Flying<K: Eq + Hash, V> {
    /// `None` while the flight is running.
    registration: Option<Registration<K, V>>,
    /// The flight that this one has replaced in the map.
    old: Option<Arc<Flight<V>>>,
}

impl<K: Eq + Hash, V: Clone> Flying<K, V> {
    fn run(mut self, f: impl FnOnce() -> V) -> (V, bool) {
        let Some(registration) = self.registration.take() else {
            unreachable!("a flight is run once")
        };
        let flight = Arc::clone(&registration.flight);
        let old = self.old.take();
        let run = move || {
            // This may be the last reference to that flight's value.
            drop(old);
            f()
        };
        match caught::call(run) {
            // The registration is dropped first: a value that is being returned would be lost if a
            // key's destructor panicked.
            Ok(value) if flight.close() == 0 => {
                drop(registration);
                (value, false)
            }
            Ok(value) => {
                flight.end(Outcome::Value(Mutex::new(value)));
                drop(registration);
                (flight.share(), true)
            }
            Err(Unwound::Panicked(payload) | Unwound::Fatal(payload)) => {
                flight.close();
                flight.end(Outcome::Panicked(message(&*payload)));
                raise(payload)
            }
            Err(Unwound::Exited(payload)) => {
                flight.close();
                flight.end(Outcome::Exited);
                raise(payload)
            }
        }
    }
}

impl<K: Eq + Hash, V> Drop for Flying<K, V> {
    fn drop(&mut self) {
        if let Some(registration) = &self.registration {
            let flight = &registration.flight;
            flight.close();
            flight.end(Outcome::Panicked(
                "the shared function was not started".to_owned(),
            ));
        }
    }
}

/// The flight's place in the map, until the flight has ended.
struct Registration<K: Eq + Hash, V> {
    group: SingleFlight<K, V>,
    key: Arc<K>,
    flight: Arc<Flight<V>>,
}

impl<K: Eq + Hash, V> Registration<K, V> {
    fn remove(&self) {
        let gone = {
            let mut flights = self.group.flights.lock();
            match flights.get(&self.key) {
                Some(flight) if Arc::ptr_eq(flight, &self.flight) => {
                    flights.remove_entry(&self.key)
                }
                // The key was forgotten, and perhaps another flight has begun.
                _ => None,
            }
        };
        drop(gone);
    }
}

impl<K: Eq + Hash, V> Drop for Registration<K, V> {
    fn drop(&mut self) {
        match caught::call(|| self.remove()) {
            Ok(()) => {}
            Err(
                Unwound::Panicked(payload) | Unwound::Fatal(payload) | Unwound::Exited(payload),
            ) => {
                if thread::panicking() {
                    // The function's panic continues. A second one would end the process.
                    discard(payload);
                } else {
                    raise(payload);
                }
            }
        }
    }
}

impl<K, V> Clone for SingleFlight<K, V> {
    fn clone(&self) -> Self {
        Self {
            flights: Arc::clone(&self.flights),
        }
    }
}

impl<K: Eq + Hash, V: Clone> Default for SingleFlight<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> fmt::Debug for SingleFlight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SingleFlight { .. }")
    }
}
