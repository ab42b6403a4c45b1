//! The legend: a line of samples and names above the panels, in as many rows as it takes.

use plotters::element::DashedPathElement;
use plotters::prelude::*;

use super::Series;
use super::draw::{Area, Drawn, INK, text_width};
use super::marker::{colour, dashes, marker};

const ROW: u32 = 26;
const SAMPLE: i32 = 34;
const GAP: i32 = 14;
const SIZE: i32 = 16;

/// The height of a legend of these series.
pub(super) fn height(series: &[&Series], width: u32) -> u32 {
    places(series, width).last().map_or(0, |(_, row)| (*row as u32 + 1) * ROW)
}

/// Draws it at the top of `area`.
pub(super) fn draw(area: &Area<'_>, series: &[&Series]) -> Drawn {
    let (width, _) = area.dim_in_pixel();
    for (series, (x, row)) in series.iter().zip(places(series, width)) {
        let y = row as i32 * ROW as i32 + ROW as i32 / 2;
        let line = colour(series.style).stroke_width(2);
        let ends = vec![(x, y), (x + SAMPLE - 8, y)];
        match dashes(series.style).filter(|_| series.joined) {
            Some((dash, gap)) => area.draw(&DashedPathElement::new(ends, dash, gap, line))?,
            None => area.draw(&PathElement::new(ends, line))?,
        }
        area.draw(&marker(series.style, (x + SAMPLE / 2 - 4, y)))?;
        let font = ("sans-serif", SIZE).into_font().color(&INK);
        let at = (x + SAMPLE, y - SIZE / 2 + 1);
        area.draw(&Text::new(series.name.clone(), at, font))?;
    }
    Ok(())
}

/// The left end and the row of each.
fn places(series: &[&Series], width: u32) -> Vec<(i32, usize)> {
    let (mut x, mut row) = (12, 0);
    let mut places = Vec::new();
    for series in series {
        let needed = SAMPLE + text_width(&series.name, SIZE);
        if x > 12 && x + needed > width as i32 - 12 {
            (x, row) = (12, row + 1);
        }
        places.push((x, row));
        x += needed + GAP;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_never_run_out_of_the_picture() {
        let series = |name: &str| Series {
            name: name.to_owned(),
            style: 0,
            joined: true,
            points: Vec::new(),
        };
        let all: Vec<Series> = (0..9).map(|n| series(&format!("a long name {n}"))).collect();
        let all: Vec<&Series> = all.iter().collect();
        let found = places(&all, 800);
        assert!(found.iter().all(|(x, _)| x + SAMPLE + text_width("a long name 0", SIZE) <= 788));
        assert_eq!(height(&all, 800), (found[8].1 as u32 + 1) * ROW);
        assert!(found[8].1 >= 1);
    }
}
