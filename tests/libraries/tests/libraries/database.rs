//! SQLite. A recursive pthread mutex locks a connection while a statement runs, including functions
//! of the program that the statement calls.

use crate::TIMES;
use gort_libraries::{many, moving, wait};
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::{Connection, OpenFlags};

fn connection() -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_FULL_MUTEX;
    let connection = Connection::open_in_memory_with_flags(flags).unwrap();
    let twice = |context: &Context<'_>| {
        wait();
        let n: i64 = context.get(0)?;
        // SAFETY: the connection is used only here, and not closed.
        let here = unsafe { context.get_connection() }?;
        // The holder takes the lock again.
        let sum: i64 = here.query_row("SELECT ?1 + ?1", [n], |row| row.get(0))?;
        wait();
        Ok(sum)
    };
    connection
        .create_scalar_function("twice", 1, FunctionFlags::SQLITE_UTF8, twice)
        .unwrap();
    connection
        .execute_batch("CREATE TABLE numbers (n INTEGER)")
        .unwrap();
    connection
}

moving! {
    // TL06
    fn a_function_that_a_statement_calls_waits_and_asks_again() {
        many(50, |i| {
            let connection = connection();
            for n in 0..TIMES {
                wait();
                connection.execute("INSERT INTO numbers VALUES (?1)", [(i + n) as i64]).unwrap();
            }
            let mut statement = connection.prepare("SELECT twice(n) FROM numbers ORDER BY n").unwrap();
            let rows = statement.query_map([], |row| row.get::<_, i64>(0)).unwrap();
            for (n, row) in rows.enumerate() {
                wait();
                assert_eq!(row.unwrap(), 2 * (i + n) as i64);
            }
        });
    }
}
