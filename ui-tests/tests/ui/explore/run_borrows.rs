// The goroutines of a failed schedule are left as they are, with everything that they borrow.
use gort::explore::Options;

fn main() {
    let limit = String::from("3");
    let report = Options::new().run(|| assert_eq!(limit.len(), 1));
    println!("{report:?}");
}
// fix: `move || …`, with a clone or an `Arc` of the values that you need afterwards.
