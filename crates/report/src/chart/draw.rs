//! Draws a chart by plotters. Nothing here depends on fonts, on the clock or on an order of hashes: the same chart is the
//! same text.

use maud::html;
use plotters::coord::Shift;
use plotters::coord::ranged1d::Ranged;
use plotters::element::DashedPathElement;
use plotters::prelude::*;

use super::marker::{colour, dashes, marker};
use super::{Chart, Panel, Series, legend};
use crate::Undrawn;

/// All text, and the first style. Its own shade, so that a page can draw it light on dark.
pub(super) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// Lines of the grid.
const GRID: RGBColor = RGBColor(0xDD, 0xDD, 0xDD);
const WIDTH: u32 = 800;
const TITLE: u32 = 40;
const TICK: i32 = 15;

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Drawn = Result<(), Box<dyn std::error::Error>>;

/// The chart as one SVG element, called after its title for those who do not see it.
pub(crate) fn svg(chart: &Chart) -> Result<String, Undrawn> {
    let mut svg = String::new();
    match draw(&mut svg, chart) {
        Ok(()) => {
            let name = html! { (chart.title) }.into_string();
            Ok(svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{name}\" "), 1))
        }
        Err(error) => Err(Undrawn(format!("cannot draw \"{}\": {error}", chart.title))),
    }
}

fn draw(svg: &mut String, chart: &Chart) -> Drawn {
    let legend = chart.legend();
    let above = TITLE + legend::height(&legend, WIDTH);
    let columns = chart.columns.max(1);
    let rows = chart.panels.len().div_ceil(columns);
    let size = (WIDTH, above + rows as u32 * chart.height);
    let area = SVGBackend::with_string(svg, size).into_drawing_area();
    area.fill(&WHITE)?;
    let title = ("sans-serif", 20).into_font().color(&INK);
    area.draw(&Text::new(chart.title.clone(), (12, 10), title))?;
    let (_, below) = area.split_vertically(TITLE);
    legend::draw(&below, &legend)?;
    let (_, body) = area.split_vertically(above);
    for (row, place) in body.split_evenly((rows, 1)).into_iter().enumerate() {
        let panels = chart.panels.iter().skip(row * columns).take(columns);
        for (place, (column, panel)) in places(&place, chart).into_iter().zip(panels.enumerate()) {
            draw_panel(&area, &place, (panel, column > 0 && panel.y.is_names()))?;
        }
    }
    area.present()?;
    Ok(())
}

/// The panels of a row: as wide as each other, but for the names that only the first one has.
fn places<'a>(row: &Area<'a>, chart: &Chart) -> Vec<Area<'a>> {
    let columns = chart.columns.max(1) as u32;
    let names = match chart.panels.first() {
        Some(first) if first.y.is_names() && columns > 1 => longest(first) as u32,
        _ => 0,
    };
    let (width, _) = row.dim_in_pixel();
    let each = width.saturating_sub(names) / columns;
    let breaks: Vec<u32> = (1..columns).map(|column| names + each * column).collect();
    row.split_by_breakpoints(breaks, Vec::<u32>::new())
}

/// The width of the longest label on the left.
fn longest(panel: &Panel) -> i32 {
    panel.y.labels().map(|label| text_width(label, TICK)).max().unwrap_or(0)
}

/// One panel; where the rows are named by the panel before it, `unnamed`.
fn draw_panel(whole: &Area<'_>, place: &Area<'_>, (panel, unnamed): (&Panel, bool)) -> Drawn {
    let beside = match (unnamed, panel.y.name.is_empty()) {
        (true, _) => 14,
        (false, true) => longest(panel) + 14,
        (false, false) => longest(panel) + 40,
    };
    let mut builder = ChartBuilder::on(place);
    builder
        .margin_right(22)
        .margin_top(4)
        .margin_left(6)
        .x_label_area_size(if panel.x.name.is_empty() { 28 } else { 50 })
        .y_label_area_size(beside);
    if !panel.title.is_empty() {
        builder.caption(&panel.title, ("sans-serif", 17).into_font().color(&INK));
    }
    let y = if unnamed { panel.y.without_labels() } else { panel.y.clone() };
    let mut chart = builder.build_cartesian_2d(panel.x.clone(), y)?;
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .x_desc(&panel.x.name)
        .y_desc(&panel.y.name)
        .label_style(("sans-serif", TICK).into_font().color(&INK))
        .axis_desc_style(("sans-serif", TICK + 1).into_font().color(&INK));
    if panel.y.is_names() {
        mesh.disable_y_mesh();
    }
    mesh.draw()?;
    let pixel = |x: f64, y: f64| chart.backend_coord(&(panel.x.held(x), panel.y.held(y)));
    let range = panel.y.range();
    if panel.y.is_names() {
        let ends = panel.x.range();
        for row in range.start as i64 + 1..0 {
            let line = vec![pixel(ends.start, row as f64), pixel(ends.end, row as f64)];
            whole.draw(&PathElement::new(line, GRID))?;
        }
    }
    if let Some(mark) = panel.mark {
        let line = vec![pixel(mark, range.start), pixel(mark, range.end)];
        whole.draw(&PathElement::new(line, INK.stroke_width(1)))?;
    }
    panel.series.iter().try_for_each(|series| draw_series(whole, series, &pixel))
}

/// Spreads first, then the line, then the markers on top.
fn draw_series(
    whole: &Area<'_>,
    series: &Series,
    pixel: &impl Fn(f64, f64) -> (i32, i32),
) -> Drawn {
    let line = colour(series.style).stroke_width(2);
    for point in &series.points {
        let ([x, left, right], [y, low, high]) = (point.x, point.y);
        for ends in [[(left, y), (right, y)], [(x, low), (x, high)]] {
            let ends = ends.map(|(x, y)| pixel(x, y));
            if ends[0] != ends[1] {
                whole.draw(&PathElement::new(ends.to_vec(), line))?;
            }
        }
    }
    let middles: Vec<_> = series.points.iter().map(|point| pixel(point.x[0], point.y[0])).collect();
    if series.joined && middles.len() > 1 {
        match dashes(series.style) {
            Some((dash, gap)) => {
                whole.draw(&DashedPathElement::new(middles.clone(), dash, gap, line))?;
            }
            None => whole.draw(&PathElement::new(middles.clone(), line))?,
        }
    }
    middles.into_iter().try_for_each(|at| Ok(whole.draw(&marker(series.style, at))?))
}

/// About how wide a text is in pixels: fonts differ, and none is asked.
pub(super) fn text_width(text: &str, size: i32) -> i32 {
    text.chars().count() as i32 * size * 11 / 20
}
