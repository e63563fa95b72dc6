// A goroutine may outlive the child's handle, so it cannot borrow the handle.
use gort::prelude::*;
use gort::process::Command;

fn main() -> std::io::Result<()> {
    let mut child = Command::new("server").spawn()?;
    go!(|| child.wait());
    Ok(())
}
// fix: `move || child.wait()`; return the values that you need afterwards.
