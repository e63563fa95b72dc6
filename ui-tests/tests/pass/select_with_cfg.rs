// `#[cfg]` and other attributes on arms of every kind.
#![deny(warnings, clippy::pedantic)]

use gort::prelude::*;

pub(crate) fn main() {
    let (tx, rx) = bounded::<String>(1);
    let name = String::from("gopher");
    select! {
        #[cfg(not(test))]
        tx <- name => {}
        #[cfg(test)]
        sent = tx <- name => sent.unwrap(),
        #[cfg(any())]
        _ = <-missing => missing(),
        #[cfg(any())]
        missing <- missing() => {}
    }
    let received = select! {
        #[cfg(any())]
        default => missing(),
        #[cfg(all())]
        #[expect(clippy::let_and_return, reason = "an attribute that is no `cfg` stays at the body")]
        received = <-rx => {
            let result = received;
            result
        }
        #[cfg(all())]
        after(Duration::from_secs(9)) => Err(RecvError),
        #[cfg(any())]
        after(missing()) => missing(),
    };
    assert_eq!(received.as_deref(), Ok("gopher"));
}
