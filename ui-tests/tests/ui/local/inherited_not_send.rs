// An inherited value goes to another goroutine, so it must be `Send`.
use std::rc::Rc;

gort::goroutine_local! {
    static inherit REQUEST: Rc<u32> = Rc::new(1);
}

fn main() {
    REQUEST.with(|_| ());
}
// fix: `static inherit REQUEST: Arc<u32> = Arc::new(1);`.
