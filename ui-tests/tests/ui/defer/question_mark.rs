// `?` would leave only the block, which has no result.
use gort::prelude::*;

fn close() -> Result<(), String> {
    Ok(())
}

fn main() {
    defer! {
        close()?;
    }
    println!("hello");
}
// fix: handle the error in the block: `if let Err(e) = close() { … }`.
