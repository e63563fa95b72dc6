// Bodies end as in `match`: a block needs no comma, nor does the last arm.
#![deny(warnings, clippy::pedantic)]

use gort::prelude::*;

pub(crate) fn main() {
    let (_tx, rx) = bounded::<u32>(0);
    let mut count = 0;
    for round in 0..3 {
        select! {
            <-rx => {}
            <-rx => if round == 1 { count += 10 }
            <-rx => match round { 0 => {} _ => count += 10 }
            <-rx => while count > 9 { count -= 1 }
            <-rx => count = 0,
            default => count += 1
        }
    }
    assert_eq!(count, 3);
    let value: Box<dyn Fn() -> u32> = select! {
        default => Box::new(|| 1),
    };
    assert_eq!(value(), 1);
    let never = || -> u32 {
        select! {
            <-rx => panic!("nobody sends"),
            default => 5,
        }
    };
    assert_eq!(never(), 5);
}
