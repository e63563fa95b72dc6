// Options of `go!` in any order, before any form.
#![deny(warnings, clippy::pedantic)]

use gort::prelude::*;
use std::sync::Arc;

const STACK: usize = 128 * 1024;

#[gort::main(procs = 2, stack = 1 << 20)]
pub(crate) fn main() {
    let (tx, rx) = bounded(4);
    let shared = Arc::new(String::from("shared"));
    let borrowed = &shared;
    let id = 7;
    go!(name = "call"; drop(1));
    go!(stack = STACK; {
        drop(vec![0_u8; 1024]);
    });
    go!(name = format!("reader {id}"), stack = 64 * 1024; move || id);
    go!(clone [tx], name = "sender"; tx.send(1).unwrap());
    go!(clone [tx, borrowed,]; {
        assert_eq!(*borrowed, "shared");
        tx.send(2).unwrap();
    });
    go! { name = "block", clone [tx];
        let value = 3;
        tx.send(value).unwrap();
    };
    drop(tx);
    assert_eq!(rx.iter().sum::<u32>(), 6);
    assert_eq!(shared.len(), 6);
}
