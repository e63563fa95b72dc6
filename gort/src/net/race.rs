//! Connects to the first of several addresses that answers: RFC 8305, "happy eyeballs".
//!
//! The next address is tried when the previous one has failed, or has not answered for [`DELAY`];
//! earlier attempts continue. Each attempt waits in a goroutine of its own. The first connection
//! wins. The others are closed, which wakes the goroutines that wait for them, and the call returns
//! when all attempts have ended.

use super::connect::{self, Connection};
use super::context;
use crate::context::{AfterFunc, Context};
use gort_runtime::real::now;
use gort_runtime::{Builder, MayWait, Nanos, WaitReason, scope};
use gort_sync::outside::bounded;
use socket2::Domain;
use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// How long to wait for an address before the next one is tried as well.
const DELAY: Duration = Duration::from_millis(250);

/// The error when none of several addresses could be connected to.
#[derive(Debug)]
struct AllFailed {
    tried: usize,
    last: io::Error,
}

impl fmt::Display for AllFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; tried {} addresses", self.last, self.tried)
    }
}

impl Error for AllFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.last)
    }
}

/// Attempts in progress. Dropping this closes them; the winner has been removed before.
struct Attempts(Vec<Connection>);

impl Drop for Attempts {
    fn drop(&mut self) {
        for attempt in &self.0 {
            attempt.close();
        }
    }
}

/// Cancels the context's callback when the race is over.
struct ContextCallback(Option<AfterFunc>);

impl Drop for ContextCallback {
    fn drop(&mut self) {
        if let Some(after) = &self.0 {
            after.stop();
        }
    }
}

/// Connects to one of `addrs`, or gives up at the limit or when the context is done.
#[track_caller]
pub(super) fn connect(
    addrs: impl Iterator<Item = SocketAddr>,
    limit: Option<Nanos>,
    ctx: Option<&Context>,
) -> io::Result<Connection> {
    let _ = MayWait::check(WaitReason::IoWait);
    let addrs = interleave_families(addrs);
    match addrs[..] {
        [] => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "could not resolve to any addresses",
        )),
        [addr] => {
            let socket = connect::socket(Domain::for_address(addr))?;
            connect::to(socket, addr, limit, ctx)
        }
        _ => race(&addrs, limit, ctx),
    }
}

/// Orders the addresses so that the families alternate, beginning with the first address's family.
/// Within a family the order stays.
fn interleave_families(addrs: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addrs = addrs.peekable();
    let first_is_v4 = addrs.peek().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) = addrs.partition(|addr| addr.is_ipv4() == first_is_v4);
    let mut turns = Vec::with_capacity(first.len() + second.len());
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    loop {
        let before = turns.len();
        turns.extend(first.next());
        turns.extend(second.next());
        if turns.len() == before {
            return turns;
        }
    }
}

/// The events that [`race`] waits for.
enum RaceEvent {
    Ended(usize, io::Result<()>),
    ContextDone,
}

#[track_caller]
fn race(
    addrs: &[SocketAddr],
    limit: Option<Nanos>,
    ctx: Option<&Context>,
) -> io::Result<Connection> {
    // The channel has room for all messages that are ever sent.
    let (tx, rx) = bounded(addrs.len() + 1);
    let _callback = ContextCallback(ctx.map(|ctx| {
        let tx = tx.clone();
        ctx.after_func(move || drop(tx.try_send(RaceEvent::ContextDone)))
    }));
    let over = || limit.is_some_and(|limit| limit <= now());
    scope(|s| {
        let mut attempts = Attempts(Vec::new());
        let mut rest = addrs.iter();
        let (mut tried, mut running) = (0, 0);
        let mut last = None;
        loop {
            // Past the limit no new attempt starts; those in progress fail with `TimedOut`.
            let next = if over() { None } else { rest.next() };
            if let Some(&addr) = next {
                tried += 1;
                let socket = connect::socket(Domain::for_address(addr));
                match socket.and_then(|socket| connect::begin(socket, addr)) {
                    Ok((connection, false)) => return Ok(connection),
                    Ok((connection, true)) => {
                        let (index, tx) = (attempts.0.len(), tx.clone());
                        attempts.0.push(connection.clone());
                        running += 1;
                        let attempt = move || {
                            let result = connect::finish(&connection, limit);
                            drop(connection);
                            drop(tx.try_send(RaceEvent::Ended(index, result)));
                        };
                        // The goroutine inherits no goroutine-locals of the caller, because it
                        // would drop them at its end. The caller may have continued by then: the
                        // scope waits only until `attempt` has returned.
                        if let Err(e) = Builder::new().inherits_nothing().spawn_scoped(s, attempt) {
                            panic!("cannot start a goroutine: {e}");
                        }
                    }
                    Err(e) => {
                        last = Some(e);
                        continue;
                    }
                }
            } else if running == 0 {
                if let Some(ctx) = ctx {
                    context::check(ctx)?;
                }
                let last = last.unwrap_or_else(|| io::ErrorKind::TimedOut.into());
                return Err(io::Error::new(last.kind(), AllFailed { tried, last }));
            }
            let event = if rest.len() > 0 && !over() {
                rx.recv_timeout(DELAY).ok()
            } else {
                rx.recv().ok()
            };
            match (event, ctx) {
                (Some(RaceEvent::Ended(index, Ok(()))), _) => {
                    return Ok(attempts.0.swap_remove(index));
                }
                (Some(RaceEvent::Ended(_, Err(e))), _) => {
                    running -= 1;
                    last = Some(e);
                }
                (Some(RaceEvent::ContextDone), Some(ctx)) => context::check(ctx)?,
                // The latest address has not answered for `DELAY`: try the next one.
                (None | Some(RaceEvent::ContextDone), _) => {}
            }
        }
    })
}
