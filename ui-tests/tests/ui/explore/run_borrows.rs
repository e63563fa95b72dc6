// The goroutines of a schedule that fails are left as they are, with what they have borrowed.
use gort::explore::Options;

fn main() {
    let limit = String::from("3");
    let report = Options::new().run(|| assert_eq!(limit.len(), 1));
    println!("{report:?}");
}
// fix: `move || …`, with a clone or an `Arc` of what is needed afterwards.
