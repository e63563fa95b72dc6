// `#[gort::test]` with every argument, and with every attribute that it supports.
#![deny(warnings, clippy::pedantic)]

pub(crate) fn main() {}

#[cfg(test)]
mod answers {
    use gort::prelude::*;

    #[gort::test]
    fn plain() {
        assert!(matches!(go!(u32::pow(6, 2)).join(), Ok(36)));
    }

    #[gort::test(procs = 2, stack = 1 << 20, leaks = "allow", timeout = "1.5m")]
    fn with_arguments() {
        go! {
            select! {}
        };
    }

    #[gort::test]
    #[should_panic(expected = "as wanted")]
    fn panics() {
        panic!("as wanted");
    }

    #[gort::test(bubble, timeout = "1m")]
    fn takes_no_time() {
        gort::time::sleep(Duration::from_secs(100));
    }

    #[gort::test]
    fn returns_result() -> Result<(), std::num::ParseIntError> {
        "7".parse::<u32>().map(drop)
    }
}
