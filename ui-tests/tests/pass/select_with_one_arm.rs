// One arm of each kind, alone; and no arm.
#![deny(warnings, clippy::pedantic)]

use gort::prelude::*;

pub(crate) fn main() {
    let (tx, rx) = bounded::<u32>(1);
    select! { tx <- 1 => {} }
    select! { value = <-rx => assert_eq!(value, Ok(1)) }
    select! { biased; default => {} }
    select! { after(Duration::ZERO) => {} }
    select! { sent = tx <- 2 => sent.unwrap() }
    select! { recv(rx) -> value => assert_eq!(value, Ok(2)) }
    let forever: fn() = || select! {};
    let _ = forever;
}
