//! rand. Each thread has a generator, and `rand::rng()` is a counted reference to it.

use crate::MANY;
use gort_libraries::{Meeting, many, moving, wait};
use rand::Rng;
use std::collections::HashSet;

moving! {
    // TL05
    fn no_two_goroutines_draw_the_same() {
        const DRAWN: usize = 500;
        let all = Meeting::of(MANY);
        let drawn = many(MANY, move |_| {
            let mut mine = rand::rng();
            all.join();
            let mut drawn = Vec::<u128>::new();
            for n in 0..DRAWN {
                drawn.push(mine.random());
                if n % 50 == 0 {
                    wait();
                    let mut again = rand::rng().clone();
                    drawn.push(again.random());
                    wait();
                }
            }
            drawn
        });
        let (values, n) = (drawn.concat(), drawn.concat().len());
        assert_eq!(values.into_iter().collect::<HashSet<_>>().len(), n);
    }
}
