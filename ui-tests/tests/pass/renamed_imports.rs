// Macros and types under other names.
#![deny(warnings, clippy::pedantic)]

use gort as g;
use gort::channel::{Sender as Tx, bounded as chan, select_biased as first};
use gort::main as entry;
use gort::{defer as finally, go as start, select as choose};

fn produce(tx: &Tx<u32>) {
    finally! { tx.close(); }
    tx.send(1).unwrap();
}

#[entry]
pub(crate) fn main() {
    let (tx, rx) = chan(1);
    start! {
        produce(&tx);
    };
    choose! {
        value = <-rx => assert_eq!(value, Ok(1)),
    }
    first! {
        value = <-rx => assert!(value.is_err()),
    }
    g::defer! { drop(rx); }
    let handle = g::go!(u32::pow(6, 2));
    assert!(matches!(g::select! { <-handle => handle.join() }, Ok(36)));
}
