// A deferred block is a statement.
use gort::prelude::*;

fn main() {
    let guard = defer! {
        println!("bye");
    };
    drop(guard);
}
// fix: let it stand by itself: it runs at the end of the scope.
