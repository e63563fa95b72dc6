// A binding lives in its arm.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        value = <-rx => println!("{value:?}"),
    }
    println!("{value:?}");
}
// fix: let the select have the value: `let value = select! { value = <-rx => value };`.
