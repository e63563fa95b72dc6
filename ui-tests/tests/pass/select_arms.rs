// Every form of an arm in one select.
#![forbid(unsafe_code)]
#![deny(warnings, clippy::pedantic)]

use gort::prelude::*;

pub(crate) fn main() {
    let (tx, rx) = bounded::<u32>(1);
    let (done_tx, done) = bounded::<()>(1);
    let mut seen = Vec::new();
    let (ready, word) = (true, 5);
    for _ in 0..6 {
        select! {
            Ok(value) = <-rx else { unreachable!("open") } => seen.push(value),
            tx <- word, if seen.is_empty() => {}
            sent = tx <- 6, if seen == [5] => assert_eq!(sent, Ok(())),
            done_tx <- (), if seen.len() == 2 && !done_tx.is_full() => {}
            <-done, if ready && seen.len() == 2 => seen.push(7),
            unread = <-done, if false => assert!(unread.is_err()),
            after(Duration::from_secs(9)) => unreachable!("something is always ready"),
        }
    }
    assert_eq!(seen, [5, 6, 7]);
    let idle = select! {
        value = <-rx => value.is_ok(),
        default => false,
    };
    assert!(!idle);
}
