// The first block moves the vector, although it only reads it.
use gort::prelude::*;

fn main() {
    let values = vec![1, 2, 3];
    gort::scope(|s| {
        go! { in s;
            println!("first: {values:?}");
        };
        go! { in s;
            println!("second: {values:?}");
        };
    });
}
// fix: closures without `move`, `go!(in s; || …)`, or `let values = &values;` before the scope.
