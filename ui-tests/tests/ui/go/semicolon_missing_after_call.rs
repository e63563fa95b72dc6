// A call in braces has a value too.
use gort::prelude::*;

fn serve(port: u16) {
    println!("{port}");
}

fn main() {
    go! { serve(80) }
    println!("after");
}
// fix: `go! { serve(80) };`
