//! The grid of contention: gort beside Go in each cell of
//! (lock, semaphore, channel) × work inside × work outside × goroutines × Ps.
//!
//! There are three rounds. In each round both programs run every cell, one after the other. A cell
//! is behind if gort takes more than [`BEHIND`] times as long as Go in two of the three rounds.

use super::run::{Run, output_of};
use super::{By, Programs};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

const KINDS: [&str; 4] = ["mutex", "rwlock", "semaphore", "channel"];
/// Steps inside a critical section: 0, 15, 100 and 1,000 ns.
const SECTIONS: [u64; 4] = [0, 12, 77, 770];
/// Steps between two critical sections: 0, 100 and 1,000 ns.
const OUTSIDE: [u64; 3] = [0, 77, 770];
const GOROUTINES: [u64; 3] = [2, 8, 100];
const PS: [usize; 3] = [1, 2, 8];
const ROUNDS: usize = 3;
/// The number of steps in a run. Divided by the steps of one operation, it gives the number of
/// operations.
const STEPS: u64 = 16_000_000;
/// How many steps the operation on the lock, semaphore or channel itself counts as.
const STEPS_OF_OPERATION: u64 = 80;
/// A cell is behind if gort takes more than this many times as long as Go.
const BEHIND: f64 = 1.15;

struct Cell {
    kind: &'static str,
    section: u64,
    outside: u64,
    goroutines: u64,
    ps: usize,
    /// For each round, the time per operation of gort and of Go, in ns.
    rounds: Vec<(f64, f64)>,
}

impl Cell {
    fn all() -> Vec<Self> {
        let mut cells = Vec::new();
        for kind in KINDS {
            for ps in PS {
                for goroutines in GOROUTINES {
                    for section in SECTIONS {
                        cells.extend(OUTSIDE.map(|outside| Self {
                            kind,
                            section,
                            outside,
                            goroutines,
                            ps,
                            rounds: Vec::new(),
                        }));
                    }
                }
            }
        }
        cells
    }

    fn run(&self, by: By, programs: &Programs) -> Result<f64, String> {
        let Self {
            kind,
            section,
            outside,
            goroutines,
            ps,
            ..
        } = self;
        let n = STEPS / (STEPS_OF_OPERATION + section + outside);
        let mut command = Command::new(programs.of(by).ok_or("not built")?);
        by.prepare(&mut command);
        command
            .args(["grid", &ps.to_string(), &n.to_string()])
            .arg(format!("{kind},{section},{outside},{goroutines}"));
        let line = output_of(command)?;
        let run = Run::parse(line.trim(), &format!("workload=grid workers={ps} n={n} "))?;
        run.get("ns").ok_or_else(|| "no figure".into())
    }

    /// Returns gort's time divided by Go's: the median of the rounds.
    fn ratio(&self) -> f64 {
        let mut ratios: Vec<f64> = self.rounds.iter().map(|(gort, go)| gort / go).collect();
        ratios.sort_by(f64::total_cmp);
        ratios[ratios.len() / 2]
    }

    /// Returns whether gort is behind: the median of three ratios is over the limit if and only if
    /// at least two of them are.
    fn is_behind(&self) -> bool {
        self.ratio() > BEHIND
    }
}

/// Returns the geometric mean of the cells' ratios.
fn mean<'a>(cells: impl IntoIterator<Item = &'a Cell>) -> f64 {
    let (sum, count) = cells.into_iter().fold((0.0, 0.0), |(sum, count), cell| {
        (sum + cell.ratio().ln(), count + 1.0)
    });
    f64::exp(sum / count)
}

/// Measures all cells, prints a summary and the cells that are behind, and writes every figure to
/// `save`. Returns `false` if a run or the writing failed.
pub(crate) fn run(save: Option<&Path>) -> bool {
    let mut cells = Cell::all();
    let measured = Programs::build().and_then(|programs| {
        for round in 1..=ROUNDS {
            eprintln!("round {round} of {ROUNDS}, {} cells", cells.len());
            for cell in &mut cells {
                let pair = (cell.run(By::Gort, &programs)?, cell.run(By::Go, &programs)?);
                cell.rounds.push(pair);
            }
        }
        print(&cells);
        match save {
            Some(path) => fs::write(path, table(&cells)).map_err(|e| e.to_string()),
            None => Ok(()),
        }
    });
    measured
        .map_err(|e| eprintln!("gort-bench: grid: {e}"))
        .is_ok()
}

fn print(cells: &[Cell]) {
    println!("gort's time divided by Go's, geometric mean of the cells (below 1 gort is ahead):");
    println!("{:10} {:>5} {:>5} {:>5}  all", "Ps", PS[0], PS[1], PS[2]);
    for kind in KINDS {
        let of = |ps| mean(cells.iter().filter(|c| c.kind == kind && c.ps == ps));
        let [one, two, eight] = PS.map(of);
        let all = mean(cells.iter().filter(|c| c.kind == kind));
        println!("{kind:10} {one:5.2} {two:5.2} {eight:5.2} {all:5.2}");
    }
    println!("all cells: {:.2}", mean(cells));
    let mut behind: Vec<&Cell> = cells.iter().filter(|cell| cell.is_behind()).collect();
    behind.sort_by(|a, b| b.ratio().total_cmp(&a.ratio()));
    println!(
        "more than {BEHIND} in two of three rounds: {} of {} cells",
        behind.len(),
        cells.len()
    );
    for cell in behind {
        println!(
            "{:10} {} Ps, {:3} goroutines, {:3} steps inside, {:3} outside: {:.2} ({:.0} ns)",
            cell.kind,
            cell.ps,
            cell.goroutines,
            cell.section,
            cell.outside,
            cell.ratio(),
            cell.rounds[0].0
        );
    }
}

/// Returns all figures as a table with tabs between the columns.
fn table(cells: &[Cell]) -> String {
    let mut out = String::from("kind\tps\tgoroutines\tsection\toutside\tgort_ns\tgo_ns\n");
    for cell in cells {
        for (gort, go) in &cell.rounds {
            let Cell {
                kind,
                section,
                outside,
                goroutines,
                ps,
                ..
            } = cell;
            // Writing to a `String` does not fail.
            let _ = writeln!(
                out,
                "{kind}\t{ps}\t{goroutines}\t{section}\t{outside}\t{gort:.2}\t{go:.2}"
            );
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_behind_if_two_rounds_are() {
        let cell = |ratios: [f64; 3]| Cell {
            kind: "mutex",
            section: 0,
            outside: 0,
            goroutines: 2,
            ps: 1,
            rounds: ratios.map(|ratio| (100.0 * ratio, 100.0)).into(),
        };
        assert!(!cell([1.0, 5.0, 1.1]).is_behind());
        assert!(cell([1.0, 1.2, 1.3]).is_behind());
        let both = [cell([0.5; 3]), cell([2.0; 3])];
        assert!((mean(&both) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn all_cells_are_there_once() {
        let cells = Cell::all();
        assert_eq!(cells.len(), 4 * 4 * 3 * 3 * 3);
        assert!(table(&cells).lines().count() == 1);
    }
}
