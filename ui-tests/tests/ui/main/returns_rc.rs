// The result leaves the main goroutine.
use std::process::{ExitCode, Termination};
use std::rc::Rc;

struct Outcome(Rc<u8>);

impl Termination for Outcome {
    fn report(self) -> ExitCode {
        ExitCode::from(*self.0)
    }
}

#[gort::main]
fn main() -> Outcome {
    Outcome(Rc::new(0))
}
