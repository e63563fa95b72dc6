// A select in an arm, in an operand, in a guard and in an `else` block of another.
#![deny(warnings, clippy::pedantic)]

use gort::prelude::*;

pub(crate) fn main() {
    let (tx, rx) = bounded::<u32>(2);
    let (first, second) = (1, 2);
    select! {
        tx <- first => select! {
            tx <- second => {}
        },
    }
    let sum = select! {
        a = <-rx => select! {
            b = <-rx => a.unwrap() + b.unwrap(),
        },
    };
    assert_eq!(sum, 3);
    let value = select! {
        tx <- select! { default => 4 } => select! {
            Ok(value) = <-select! { default => &rx } else { 0 } => value,
        },
    };
    assert_eq!(value, 4);
    drop(tx);
    let closed = select! {
        Ok(value) = <-rx else {
            select! {
                default => 9,
            }
        }, if select! { default => true } => value,
    };
    assert_eq!(closed, 9);
}
