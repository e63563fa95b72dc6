// `defer!` with and without a semicolon, several in one scope, in loops and closures.
#![forbid(unsafe_code)]
#![deny(warnings, clippy::pedantic)]

use gort::defer;
use std::cell::RefCell;

fn run(log: &RefCell<Vec<u32>>) -> Result<(), std::num::ParseIntError> {
    defer! { log.borrow_mut().push(1); }
    defer!(log.borrow_mut().push(2));
    for at in 3..5 {
        defer! {
            if at == 3 {
                return;
            }
            log.borrow_mut().push(at);
        }
    }
    "x".parse::<u32>()?;
    defer! { log.borrow_mut().push(9); }
    Ok(())
}

pub(crate) fn main() {
    let log = RefCell::new(Vec::new());
    assert!(run(&log).is_err());
    assert_eq!(*log.borrow(), [4, 2, 1]);
    let text = String::from("moved");
    defer! { drop(text); }
}
