//! Draws a chart of `compare`'s results: for each workload the peers' time divided by gort's, on a
//! logarithmic axis.

use crate::compare::{By, Kind, Results};
use plotters::coord::Shift;
use plotters::prelude::*;
use std::error::Error;
use std::path::Path;

// Sizes in pixels.
const SIZE_OF_ROW: u32 = 17;
const HEAD: u32 = 60;
const FOOT: u32 = 70;
const WIDTH: u32 = 1100;
/// The width of the margin that has the workloads' names.
const NAMES: u32 = 130;
/// Ratios outside these bounds are drawn at the edge.
const MIN_RATIO: f64 = 0.2;
const MAX_RATIO: f64 = 50.0;

const SHOWN: [(By, RGBColor); 4] = [
    (By::Go, RGBColor(0, 125, 156)),
    (By::Tokio, RGBColor(214, 110, 20)),
    (By::May, RGBColor(60, 150, 60)),
    (By::Own, RGBColor(150, 90, 170)),
];

/// Draws the contents of `results` into the SVG file `chart`.
pub(crate) fn draw(results: &Path, chart: &Path) -> Result<(), String> {
    let results = Results::read(results)?;
    let cases = cases(&results);
    if cases.is_empty() {
        return Err("no result in the file has a time per operation".into());
    }
    let height = HEAD + FOOT + SIZE_OF_ROW * cases.len() as u32;
    let root = SVGBackend::new(chart, (WIDTH, height)).into_drawing_area();
    let drawn = draw_on(&root, &results, &cases);
    drawn.map_err(|e| format!("{}: {e}", chart.display()))
}

/// Returns the workloads with a time per operation, in their order.
fn cases(results: &Results) -> Vec<&str> {
    let mut cases: Vec<&str> = results
        .rows
        .iter()
        .filter(|row| row.kind == Kind::PerOp)
        .map(|row| row.case.as_str())
        .collect();
    cases.dedup();
    cases
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw_on(root: &Area<'_>, results: &Results, cases: &[&str]) -> Result<(), Box<dyn Error>> {
    root.fill(&WHITE)?;
    let machine = &results.machine;
    let title = "Time divided by gort's (right of the line gort is ahead)";
    let about = format!(
        "{}, {} cores, medians of {} runs, {}",
        machine.processor, machine.cores, machine.runs, machine.date
    );
    root.draw(&Text::new(title, (10, 8), ("sans-serif", 17)))?;
    root.draw(&Text::new(about, (10, 30), ("sans-serif", 12)))?;
    let (_, rest) = root.split_vertically(HEAD - 10);
    let (panels, legend) = rest.split_vertically(rest.dim_in_pixel().1 - 22);
    let half = (WIDTH - NAMES) / 2;
    let (left, right) = panels.split_horizontally(NAMES + half);
    draw_panel(&left, NAMES, 1, results, cases)?;
    draw_panel(&right, 10, 2, results, cases)?;
    let mut x = NAMES as i32;
    let is_there = |by| results.rows.iter().any(|row| row.by == by);
    for (by, colour) in SHOWN.into_iter().filter(|&(by, _)| is_there(by)) {
        legend.draw(&Circle::new((x, 10), 4, colour.filled()))?;
        legend.draw(&Text::new(by.name(), (x + 9, 4), ("sans-serif", 13)))?;
        x += 110;
    }
    root.present()?;
    Ok(())
}

/// Draws the workloads on this number of workers. Their names are in the `margin` at the left if it
/// is wide enough.
fn draw_panel(
    area: &Area<'_>,
    margin: u32,
    workers: usize,
    results: &Results,
    cases: &[&str],
) -> Result<(), Box<dyn Error>> {
    let rows = cases.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .margin_right(15)
        .x_label_area_size(35)
        .y_label_area_size(margin)
        .build_cartesian_2d((MIN_RATIO..MAX_RATIO).log_scale(), rows - 0.5..-0.5)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .x_label_formatter(&|x| format!("{x}"))
        .x_desc(format!("on {workers} P"))
        .label_style(("sans-serif", 12))
        .draw()?;
    let line = [(1.0, -0.5), (1.0, rows - 0.5)];
    chart.draw_series(LineSeries::new(line, BLACK.stroke_width(2)))?;
    for (row, case) in cases.iter().enumerate() {
        let y = row as f64;
        if margin == NAMES {
            let (_, at) = chart.backend_coord(&(MIN_RATIO, y));
            let (_, top) = area.get_base_pixel();
            area.draw(&Text::new(*case, (6, at - top - 5), ("sans-serif", 12)))?;
        }
        chart.draw_series(LineSeries::new(
            [(MIN_RATIO, y), (MAX_RATIO, y)],
            RGBColor(225, 225, 225),
        ))?;
        let Some(gort) = results.ns(case, workers, By::Gort) else {
            continue;
        };
        for (by, colour) in SHOWN {
            if let Some(ns) = results.ns(case, workers, by) {
                let x = (ns / gort).clamp(MIN_RATIO, MAX_RATIO);
                chart.draw_series([Circle::new((x, y), 4, colour.filled())])?;
            }
        }
    }
    Ok(())
}
