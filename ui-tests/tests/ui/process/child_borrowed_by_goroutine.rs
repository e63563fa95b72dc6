// A goroutine cannot borrow the child: it may outlive it.
use gort::prelude::*;
use gort::process::Command;

fn main() -> std::io::Result<()> {
    let mut child = Command::new("server").spawn()?;
    go!(|| child.wait());
    Ok(())
}
// fix: `move || child.wait()`; what it needs afterwards comes back as its result.
