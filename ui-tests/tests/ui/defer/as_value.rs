// A deferred block is a statement.
use gort::prelude::*;

fn main() {
    let guard = defer! {
        println!("bye");
    };
    drop(guard);
}
// fix: write it as a statement; it runs at the end of the scope.
