//! Colours, markers and dashes. Every style differs in all three, so that none is told by its colour alone.

use plotters::element::Polygon;
use plotters::style::{RGBColor, ShapeStyle};

use super::draw::INK;

/// The palette of M. Okabe and K. Ito, told apart without colour vision, and a grey in place of its yellow, which white
/// paper swallows; black stands for all text, too.
const COLOURS: [RGBColor; 8] = [
    INK,
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0x56, 0xB4, 0xE9),
    RGBColor(0x77, 0x77, 0x77),
];

/// Lengths of a dash and of the gap behind it in pixels; none for a whole line.
const DASHES: [Option<(i32, i32)>; 8] = [
    None,
    Some((12, 4)),
    Some((8, 4)),
    Some((4, 4)),
    Some((2, 3)),
    Some((16, 6)),
    Some((6, 8)),
    Some((20, 4)),
];

/// Corners around the middle, in pixels.
const SHAPES: [&[(i32, i32)]; 8] = [
    // An octagon for a circle.
    &[(-5, -2), (-2, -5), (2, -5), (5, -2), (5, 2), (2, 5), (-2, 5), (-5, 2)],
    &[(-5, -5), (5, -5), (5, 5), (-5, 5)],
    &[(0, -6), (6, 5), (-6, 5)],
    &[(0, -7), (7, 0), (0, 7), (-7, 0)],
    &[
        (-6, -4),
        (-4, -6),
        (0, -2),
        (4, -6),
        (6, -4),
        (2, 0),
        (6, 4),
        (4, 6),
        (0, 2),
        (-4, 6),
        (-6, 4),
        (-2, 0),
    ],
    &[(0, 6), (6, -5), (-6, -5)],
    &[
        (-2, -6),
        (2, -6),
        (2, -2),
        (6, -2),
        (6, 2),
        (2, 2),
        (2, 6),
        (-2, 6),
        (-2, 2),
        (-6, 2),
        (-6, -2),
        (-2, -2),
    ],
    &[(-6, -5), (6, -5), (0, 0), (6, 5), (-6, 5), (0, 0)],
];

/// The colour of a style.
pub(super) fn colour(style: usize) -> RGBColor {
    COLOURS[style % COLOURS.len()]
}

/// The dashes of a style.
pub(super) fn dashes(style: usize) -> Option<(i32, i32)> {
    DASHES[style % DASHES.len()]
}

/// The marker of a style at a pixel.
pub(super) fn marker(style: usize, (x, y): (i32, i32)) -> Polygon<(i32, i32)> {
    let corners = SHAPES[style % SHAPES.len()].iter().map(|(right, down)| (x + right, y + down));
    let fill = ShapeStyle { color: colour(style).into(), filled: true, stroke_width: 0 };
    Polygon::new(corners.collect::<Vec<_>>(), fill)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_styles_share_a_colour_a_marker_or_dashes() {
        let all = 0..COLOURS.len();
        assert_eq!(
            all.clone().map(colour).map(|c| (c.0, c.1, c.2)).collect::<HashSet<_>>().len(),
            8
        );
        assert_eq!(all.clone().map(dashes).collect::<HashSet<_>>().len(), 8);
        assert_eq!(all.map(|style| SHAPES[style]).collect::<HashSet<_>>().len(), 8);
    }
}
