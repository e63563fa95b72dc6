// `go! { … }` has a value, so as a statement it ends with `;`.
use gort::prelude::*;

fn main() {
    go! {
        println!("in the goroutine");
    }
    println!("after");
}
// fix: `go! { … };`
