// `break`, `continue`, `return` and `?` in an arm, operand or `else` block act on the code around
// the `select!`.
#![deny(warnings, clippy::pedantic)]

use gort::prelude::*;

fn drain(rx: &Receiver<u32>) -> Vec<u32> {
    let mut odd = Vec::new();
    loop {
        select! {
            Ok(value) = <-rx else { break } => {
                if value % 2 == 0 {
                    continue;
                }
                odd.push(value);
            }
        }
    }
    odd
}

fn first(rx: &Receiver<u32>) -> Result<u32, RecvError> {
    select! {
        value = <-rx => return Ok(value? + 1),
        default => {}
    }
    Ok(0)
}

fn parsed(text: &str, tx: &Sender<u32>) -> Result<(), std::num::ParseIntError> {
    select! {
        tx <- text.parse()? => Ok(()),
    }
}

fn labelled(rx: &Receiver<u32>) -> u32 {
    let mut rounds = 0;
    let found = 'outer: loop {
        rounds += 1;
        for limit in 0..9 {
            select! {
                value = <-rx => match value {
                    Ok(value) if value > limit => break 'outer value,
                    Ok(0) => continue 'outer,
                    Ok(_) => {}
                    Err(_) => return 0,
                },
            }
        }
    };
    found + rounds
}

pub(crate) fn main() {
    let (tx, rx) = unbounded();
    assert!(parsed("x", &tx).is_err());
    for text in ["1", "2", "3"] {
        assert!(parsed(text, &tx).is_ok());
    }
    assert_eq!(first(&rx), Ok(2));
    tx.send(0).unwrap();
    drop(tx);
    assert_eq!(labelled(&rx), 3);
    assert_eq!(labelled(&rx), 4);
    assert_eq!(labelled(&rx), 0);
    let (tx, rx) = unbounded();
    for value in 0..6 {
        tx.send(value).unwrap();
    }
    drop(tx);
    assert_eq!(drain(&rx), [1, 3, 5]);
}
