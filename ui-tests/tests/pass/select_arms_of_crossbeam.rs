// crossbeam-channel's arms, alone and mixed with the others.
#![deny(warnings, clippy::pedantic)]

use gort::channel::{select, select_biased, unbounded};
use std::time::Duration;

pub(crate) fn main() {
    let (tx, rx) = unbounded();
    select! {
        send(tx, 1) -> sent => assert!(sent.is_ok()),
        default => unreachable!(),
    }
    select! {
        recv(rx) -> value => assert_eq!(value, Ok(1)),
        default(Duration::from_secs(9)) => unreachable!(),
    }
    select_biased! {
        recv(rx) -> _ => unreachable!(),
        value = <-rx => unreachable!("{value:?}"),
        default() => {}
    }
    let other = rx.clone();
    drop(tx);
    select! {
        recv(&rx) -> value => assert!(value.is_err()),
        recv(&&other) -> value => assert!(value.is_err()),
    }
}
