//! The curves as SVG: loss above, test accuracy below, over the epochs.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::session::Outcome;
use crate::failure::Failure;

/// Readable at this width.
const SIZE: (u32, u32) = (800, 720);
const TITLE: u32 = 48;
// Okabe and Ito's colours, told apart without full colour vision.
const STEP: RGBColor = RGBColor(86, 180, 233);
const MEAN: RGBColor = RGBColor(213, 94, 0);
const ACCURACY: RGBColor = RGBColor(0, 114, 178);

type Panel<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// What is drawn in one panel.
struct Axes<'a, Y> {
    title: &'a str,
    y_name: &'a str,
    x: Range<f64>,
    y: Y,
}

/// The whole picture of a run of one epoch or more.
pub(super) fn draw(title: &str, outcome: &Outcome) -> Result<String, Failure> {
    let mut svg = String::new();
    match draw_to(&mut svg, title, outcome) {
        Ok(()) => Ok(svg),
        Err(error) => Err(Failure::Run(format!("cannot draw the curves: {error}"))),
    }
}

fn draw_to(svg: &mut String, title: &str, outcome: &Outcome) -> Drawn {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let (header, body) = area.split_vertically(TITLE);
    header.titled(title, ("sans-serif", 24))?;
    let (above, below) = body.split_vertically((SIZE.1 - TITLE) / 2);
    loss(&above, outcome)?;
    accuracy(&below, outcome)?;
    area.present()?;
    Ok(())
}

fn loss(panel: &Panel<'_>, outcome: &Outcome) -> Drawn {
    // A step's place on the axis is the share of its epoch that is behind it.
    let steps: Vec<(f64, f64)> = outcome
        .epochs
        .iter()
        .flat_map(|finished| {
            let epoch = &finished.epoch;
            let (begin, count) = ((epoch.epoch - 1) as f64, epoch.losses.len() as f64);
            let place = move |index: usize| begin + (index + 1) as f64 / count;
            epoch.losses.iter().enumerate().map(move |(index, &loss)| (place(index), loss))
        })
        .filter(drawable)
        .collect();
    let means = points(outcome, |epoch| epoch.mean_loss());
    let means: Vec<(f64, f64)> = means.into_iter().filter(drawable).collect();
    let axes = Axes {
        title: "Training loss",
        y_name: "mean cross entropy (nats)",
        x: span(outcome),
        y: decades(steps.iter().chain(&means).map(|&(_, loss)| loss)).log_scale(),
    };
    let mut chart = mesh(panel, axes, &|loss| format!("{loss}"))?;
    chart
        .draw_series(LineSeries::new(steps, STEP))?
        .label("each step")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 20, y)], STEP));
    chart
        .draw_series(LineSeries::new(means, MEAN.stroke_width(2)).point_size(3))?
        .label("mean of the epoch")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 20, y)], MEAN.stroke_width(2)));
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE)
        .border_style(BLACK.mix(0.3))
        .label_font(("sans-serif", 15))
        .draw()?;
    Ok(())
}

fn accuracy(panel: &Panel<'_>, outcome: &Outcome) -> Drawn {
    let points = points(outcome, |epoch| 100.0 * epoch.test_accuracy);
    let least = points.iter().map(|&(_, percent)| percent).fold(100.0, f64::min);
    // In steps of 5 %, with room below the lowest point.
    let least = (((least - 1.0) / 5.0).floor() * 5.0).clamp(0.0, 95.0);
    let axes =
        Axes { title: "Test accuracy", y_name: "correct (%)", x: span(outcome), y: least..100.0 };
    let mut chart = mesh(panel, axes, &|percent| format!("{percent}"))?;
    chart.draw_series(LineSeries::new(points, ACCURACY.stroke_width(2)).point_size(3))?;
    Ok(())
}

/// Whether a logarithmic axis has a place for it.
fn drawable((_, loss): &(f64, f64)) -> bool {
    loss.is_finite() && *loss > 0.0
}

/// Whole powers of ten around all values, one apart at least.
fn decades(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (least, most) = values
        .map(f64::log10)
        .fold((0.0, 0.0), |(least, most): (f64, f64), value| (least.min(value), most.max(value)));
    10f64.powf(least.floor())..10f64.powf(most.ceil().max(least.floor() + 1.0))
}

type Chart<'a, 'b, Y> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<RangedCoordf64, <Y as AsRangedCoord>::CoordDescType>,
>;

fn mesh<'a, 'b, Y>(
    panel: &'a Panel<'b>,
    axes: Axes<'_, Y>,
    y_label: &dyn Fn(&f64) -> String,
) -> Result<Chart<'a, 'b, Y>, Box<dyn std::error::Error>>
where
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: ValueFormatter<f64>,
{
    let epochs = (axes.x.end - axes.x.start) as usize;
    let mut chart = ChartBuilder::on(panel)
        .caption(axes.title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(46)
        .y_label_area_size(64)
        .build_cartesian_2d(axes.x, axes.y)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_labels((epochs + 1).min(16))
        .x_label_formatter(&whole)
        .y_label_formatter(&y_label)
        .x_desc("epochs")
        .y_desc(axes.y_name)
        .label_style(("sans-serif", 14))
        .axis_desc_style(("sans-serif", 15))
        .draw()?;
    Ok(chart)
}

/// Ticks between two epochs have no label.
fn whole(epoch: &f64) -> String {
    if epoch.fract() == 0.0 { format!("{epoch}") } else { String::new() }
}

/// From the beginning of the first epoch to the end of the last one.
fn span(outcome: &Outcome) -> Range<f64> {
    let number = |finished: Option<&super::session::Finished>| {
        finished.map_or(1.0, |finished| finished.epoch.epoch as f64)
    };
    number(outcome.epochs.first()) - 1.0..number(outcome.epochs.last())
}

fn points(
    outcome: &Outcome,
    value: impl Fn(&prelu_mem_net::train::Epoch) -> f64,
) -> Vec<(f64, f64)> {
    let all = outcome.epochs.iter().map(|finished| &finished.epoch);
    let all = all.map(|epoch| (epoch.epoch as f64, value(epoch)));
    all.filter(|(_, value)| value.is_finite()).collect()
}
