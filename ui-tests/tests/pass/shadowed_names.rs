// The user's names do not affect the macros, and the macros' names do not leak out.
#![deny(warnings)]
#![allow(
    dead_code,
    non_camel_case_types,
    reason = "an expansion could take these names for its own"
)]

use gort::{defer, go, select};

mod core {}
mod std {}
enum Option {}
enum Clone {}
struct Some;
struct None;
type usize = u8;
fn drop() {}
fn recv() {}
fn send() {}

pub(crate) fn main() {
    let (tx, rx) = ::gort::channel::bounded::<u32>(1);
    let (__arm0, __operand0, __chosen, __out, __result) = (1, 2, 3, 4, 5);
    let _deferred = 6;
    defer! { assert_eq!(_deferred, 6); }
    let __arg0 = 7;
    let sum = select! {
        tx <- __arm0 + __operand0 + __chosen => __out + __result,
    };
    assert_eq!(sum, 9);
    select! {
        __result = <-rx, if __chosen == 3 => assert_eq!(__result, ::std::result::Result::Ok(6)),
    }
    ::gort::runtime::run(move || {
        let (__receiver, __builder) = (8, 9);
        let handle =
            go!(name = "x", clone [tx]; { let _ = tx; u32::pow(__receiver, __builder - __arg0) });
        assert_eq!(handle.join().ok(), ::std::option::Option::Some(64));
    });
}
