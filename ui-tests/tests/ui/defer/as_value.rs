// A deferred block is a statement.
use gort::prelude::*;

fn main() {
    let guard = defer! {
        println!("bye");
    };
    drop(guard);
}
