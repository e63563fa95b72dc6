// Every form of `go!`, in every kind of brackets.
#![forbid(unsafe_code)]
#![deny(warnings, clippy::pedantic)]

use gort::prelude::*;

struct Server {
    port: u16,
}

impl Server {
    fn serve<T: Into<u32>>(self, more: T) -> u32 {
        u32::from(self.port) + more.into()
    }
}

fn add(a: u32, b: u32) -> u32 {
    a + b
}

fn apply<F: Fn(u32) -> u32>(value: u32, f: F) -> u32 {
    f(value)
}

pub(crate) fn main() {
    gort::runtime::run(|| {
        let base = 2;
        let pick = || add;
        let double = |x: u32| x * 2;
        let handles: Vec<JoinHandle<u32>> = vec![
            go!(add(1, base)),
            go! { add(1, base) },
            go![add(1, base)],
            go!((pick())(1, base)),
            go!(double(base)),
            go!(apply(base, |x| x + 1)),
            go!(Server { port: 1 }.serve::<u16>(2)),
            go!(move || base + 1),
            go!(|| 3),
            go!({ base + 1 }),
            go! {
                let mut x = base;
                x += 1;
                x
            },
            go!(if base == 2 { 3 } else { 4 }),
            go! { 3 },
            go!(u32::from_str_radix("3", 16).unwrap_or(0)),
            go!(add(1, base,),),
        ];
        for handle in handles {
            assert!(matches!(handle.join(), Ok(3 | 4)));
        }
    });
}
