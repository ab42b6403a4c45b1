//! Charts: what is drawn, as data. [`draw`] turns it into SVG by plotters.

mod draw;
mod legend;
mod marker;
mod scale;

pub(super) use self::draw::svg;
pub(super) use self::scale::Scale;

/// Panels beside and below each other that share a legend.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chart {
    /// Said above all panels.
    pub(super) title: String,
    /// Panels in a row.
    pub(super) columns: usize,
    /// The height of a panel in pixels.
    pub(super) height: u32,
    /// Whether series are named above; not where the rows name them.
    pub(super) legend: bool,
    /// In reading order.
    pub(super) panels: Vec<Panel>,
}

/// One pair of axes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Panel {
    /// Said above it; empty for none.
    pub(super) title: String,
    pub(super) x: Scale,
    pub(super) y: Scale,
    pub(super) series: Vec<Series>,
    /// A line across at this value of x, such as a limit.
    pub(super) mark: Option<f64>,
}

/// Points of one kind.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    /// As the legend calls it.
    pub(super) name: String,
    /// Colour, marker and dashes: a number from 0 on.
    pub(super) style: usize,
    /// Whether a line joins its points.
    pub(super) joined: bool,
    pub(super) points: Vec<Point>,
}

/// A value, or a place, with its spread in both directions: middle, least and most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) x: [f64; 3],
    pub(super) y: [f64; 3],
}

impl Point {
    /// Without a spread.
    pub(super) fn new(x: f64, y: f64) -> Self {
        Self { x: [x; 3], y: [y; 3] }
    }
}

impl Chart {
    /// Every series once, in the order of their first appearance: what the legend shows.
    fn legend(&self) -> Vec<&Series> {
        let mut seen: Vec<&Series> = Vec::new();
        if !self.legend {
            return seen;
        }
        for series in self.panels.iter().flat_map(|panel| &panel.series) {
            if !series.points.is_empty() && !seen.iter().any(|known| known.name == series.name) {
                seen.push(series);
            }
        }
        seen
    }
}
