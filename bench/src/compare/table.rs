//! Prints the tables in Markdown. A ratio is gort's figure divided by the peer's. If less is better
//! (most figures), gort is ahead below 1; if more is better, above 1.

use super::run::output_of;
use super::{By, Case, Kind, Programs, Series};
use std::process::Command;

const PEERS: [By; 5] = [By::Own, By::Go, By::May, By::Tokio, By::Threads];

/// A column of a case that has other figures than ns per operation: the title, the figure's name in
/// the program's output, and whether more is better.
type Column = (&'static str, &'static str, bool);

fn columns(kind: Kind) -> &'static [Column] {
    match kind {
        Kind::PerOp => &[],
        Kind::Parked => &[
            ("RSS, B each", "rss", false),
            ("page tables, B each", "tables", false),
            ("create, ns", "ns", false),
            ("release, ns", "release_ns", false),
        ],
        Kind::Timers => &[
            ("CPU, ns each", "ns", false),
            ("last one late, ms", "late_ms", false),
            ("peak RSS, MiB", "peak_mib", false),
        ],
        Kind::CpuHog => &[
            ("ticks", "ticks", true),
            ("p50 delay, µs", "p50_us", false),
            ("p99 delay, µs", "p99_us", false),
            ("max, µs", "max_us", false),
        ],
        Kind::Tcp => &[
            ("requests/s", "per_second", true),
            ("p50, µs", "p50_us", false),
            ("p99, µs", "p99_us", false),
            ("server CPU, µs each", "server_us", false),
        ],
    }
}

/// Prints rows as they are measured, and collects what `finish` prints.
#[derive(Debug, Default)]
pub(crate) struct Table {
    kind: Option<Kind>,
    behind: Vec<String>,
    failed: usize,
}

impl Table {
    /// Prints the rows of a case. `others` is how many cores other processes kept busy.
    pub(crate) fn print(&mut self, case: &Case, all: &[Series], others: f64) {
        if self.kind != Some(case.kind) {
            self.kind = Some(case.kind);
            head(case.kind);
        }
        self.failed += all.iter().filter(|series| series.failure.is_some()).count();
        for &workers in case.workers() {
            match case.kind {
                Kind::PerOp => self.print_per_op(case, all, workers, others),
                _ => self.print_programs(case, all, workers, others),
            }
        }
    }

    fn print_per_op(&mut self, case: &Case, all: &[Series], workers: usize, others: f64) {
        let gort = best(all, By::Gort, workers).and_then(|series| series.median("ns"));
        let mut row = format!("| {}: {} | {workers} |", case.name, case.about);
        row.push_str(&format!(" {} |", cell(all, By::Gort, workers, None)));
        for by in PEERS {
            row.push_str(&format!(" {} |", cell(all, by, workers, gort)));
            self.note_if_behind(case, all, by, workers, ("ns", "ns", false));
        }
        println!("{row} {others:.1} |");
    }

    fn print_programs(&mut self, case: &Case, all: &[Series], workers: usize, others: f64) {
        let gort = best(all, By::Gort, workers);
        for series in all.iter().filter(|series| series.workers == workers) {
            let mut row = format!("| {}: {} | {workers} | ", case.name, case.about);
            row.push_str(&format!(
                "{} | {} |",
                series.by.name(),
                thousands(series.n as f64)
            ));
            for &(_, key, _) in columns(case.kind) {
                let ratio = (series.by != By::Gort)
                    .then(|| Some(gort?.median(key)? / series.median(key)?))
                    .flatten();
                row.push_str(&format!(" {} |", with_ratio(series, key, ratio)));
            }
            println!("{row} {others:.1} |");
            for &column in columns(case.kind) {
                self.note_if_behind(case, all, series.by, workers, column);
            }
        }
    }

    fn note_if_behind(
        &mut self,
        case: &Case,
        all: &[Series],
        by: By,
        workers: usize,
        column: Column,
    ) {
        if by == By::Own {
            return;
        }
        let (title, key, more_is_better) = column;
        let median = |by| best(all, by, workers).and_then(|series| series.median(key));
        if let (Some(gort), Some(peer)) = (median(By::Gort), median(by)) {
            let behind = if more_is_better {
                gort < peer
            } else {
                gort > peer
            };
            if behind {
                let ratio = gort / peer;
                self.behind.push(format!(
                    "{} on {workers}: {} ({title}, {ratio:.2})",
                    case.name,
                    by.name()
                ));
            }
        }
    }

    /// Prints the cost of a switch without a scheduler, and how many times larger gort's is.
    pub(crate) fn print_switch(&mut self, programs: &Programs, all: &[Series]) {
        let Some(floor) = programs.floor() else {
            return;
        };
        for kind in ["ret", "jmp"] {
            let mut command = Command::new(floor);
            command.args(["switch", kind]);
            let raw = output_of(command)
                .and_then(|text| text.trim().parse::<f64>().map_err(|e| e.to_string()));
            match raw {
                Ok(raw) => {
                    let mut row =
                        format!("| raw symmetric switch, ends with `{kind}` | | {raw:.1} |");
                    for workers in [1, 2] {
                        if let Some(ns) = best(all, By::Gort, workers).and_then(|s| s.median("ns"))
                        {
                            row.push_str(&format!(" gort on {workers}: {:.1} times |", ns / raw));
                        }
                    }
                    println!("{row} | | |");
                }
                Err(e) => {
                    eprintln!("FAILED: floor: {e}");
                    self.failed += 1;
                }
            }
        }
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed > 0
    }

    /// Prints where gort is behind, and how many runs failed.
    pub(crate) fn finish(&self) {
        println!(
            "\ngort is behind in (workload on workers: peer, figure, gort's divided by the peer's):"
        );
        for line in &self.behind {
            println!("- {line}");
        }
        if self.behind.is_empty() {
            println!("- nothing");
        }
        if self.failed > 0 {
            println!("\n{} SERIES FAILED, see above", self.failed);
        }
    }
}

fn head(kind: Kind) {
    let mut titles: Vec<&str> = vec!["workload", "P"];
    match kind {
        Kind::PerOp => {
            titles.push(By::Gort.name());
            titles.extend(PEERS.map(By::name));
        }
        _ => {
            titles.extend(["program", "n"]);
            titles.extend(columns(kind).iter().map(|(title, ..)| title));
        }
    }
    titles.push("cores others used");
    println!(
        "\n| {} |\n|---|{}",
        titles.join(" | "),
        "---:|".repeat(titles.len() - 1)
    );
}

/// Returns the fastest variant of a program. A failed one is returned only if there is no other.
pub(crate) fn best(all: &[Series], by: By, workers: usize) -> Option<&Series> {
    let ns = |series: &&Series| series.median("ns").unwrap_or(f64::INFINITY);
    all.iter()
        .filter(|series| series.by == by && series.workers == workers)
        .min_by(|a, b| ns(a).total_cmp(&ns(b)))
}

fn cell(all: &[Series], by: By, workers: usize, gort: Option<f64>) -> String {
    best(all, by, workers).map_or_else(
        || "–".into(),
        |series| {
            let ratio = gort.and_then(|gort| Some(gort / series.median("ns")?));
            with_ratio(series, "ns", ratio)
        },
    )
}

fn with_ratio(series: &Series, key: &str, ratio: Option<f64>) -> String {
    let Some(median) = series.median(key) else {
        return "**FAILED**".into();
    };
    let mut text = figure(median);
    if series.is_scattered() {
        text.push('!');
    }
    if let Some(ratio) = ratio {
        text.push_str(&format!(" ({ratio:.2})"));
    }
    if !series.variant.is_empty() {
        text.push_str(&format!(" {}", series.variant));
    }
    text
}

/// Formats with about three digits.
pub(crate) fn figure(x: f64) -> String {
    if x.abs() < 100.0 {
        format!("{x:.1}")
    } else {
        thousands(x)
    }
}

/// Formats an integer with separators.
fn thousands(x: f64) -> String {
    let digits = format!("{:.0}", x.abs());
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if x < 0.0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_or_separators() {
        assert_eq!(figure(2.345), "2.3");
        assert_eq!(figure(999.6), "1,000");
        assert_eq!(figure(-1234567.0), "-1,234,567");
    }
}
