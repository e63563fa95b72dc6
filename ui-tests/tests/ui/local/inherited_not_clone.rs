// An inherited value must be `Clone`.
struct Request;

gort::goroutine_local! {
    static inherit REQUEST: Request = Request;
}

fn main() {
    REQUEST.with(|_| ());
}
// fix: `#[derive(Clone)] struct Request;`.
