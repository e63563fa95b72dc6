// Right of `<-`: timers, tickers, handles, lock requests, and `Option`s of them.
#![forbid(unsafe_code)]
#![deny(warnings, clippy::pedantic)]

use gort::prelude::*;
use gort::time::{Ticker, Timer};

static TOTAL: Mutex<u32> = Mutex::new(0);

#[gort::main]
pub(crate) fn main() {
    let worker = go!(move || 6 * 7);
    let timer = Timer::new(Duration::from_millis(1));
    let ticker = Ticker::new(Duration::from_millis(1));
    let mut limit = None;
    let (mut rang, mut ticks, mut ended) = (false, 0, false);
    while !(rang && ended && ticks > 2) {
        select! {
            _ = <-timer => rang = true,
            _ = <-ticker => {
                ticks += 1;
                limit.get_or_insert_with(|| Timer::new(Duration::from_secs(100)));
            }
            () = <-worker, if !ended => ended = true,
            _ = <-limit => unreachable!(),
        }
    }
    ticker.stop();
    assert_eq!(worker.join().unwrap(), 42);

    select! {
        mut total = <-TOTAL.lock_request() => *total += 1,
        after(Duration::from_secs(100)) => unreachable!(),
    }
    assert_eq!(*TOTAL.lock(), 1);
}
