// A scope ends with its closure.
fn main() {
    let mut kept = None;
    gort::scope(|s| {
        kept = Some(s);
    });
    kept.unwrap().spawn(|| ());
}
// fix: start the goroutine inside the scope's closure.
