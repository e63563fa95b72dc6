// After a failed schedule its goroutines remain, so they cannot borrow from the caller.
use gort::explore::Options;

fn main() {
    let limit = String::from("3");
    let report = Options::new().run(|| assert_eq!(limit.len(), 1));
    println!("{report:?}");
}
// fix: `move || …`, with a clone or an `Arc` of the values that you need afterwards.
