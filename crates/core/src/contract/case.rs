//! The cases every strategy is run through.

use super::values;
use crate::element::Element;
use crate::geometry::Sharing;

/// What the tensors of a case hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Numbers from -4 to 4.
    Ordinary,
    /// The same, and every other pre-activation a zero, a subnormal or another finite edge.
    Edges,
    /// The same, and one infinite, NaN, huge or zero pair of pre-activation and gradient per channel.
    Specials,
}

/// One tensor layout with its slopes.
#[derive(Clone, Debug)]
pub struct Case<T> {
    /// The family of layouts it belongs to.
    pub layout: &'static str,
    /// Sizes in C order.
    pub shape: Vec<usize>,
    /// The channel axis.
    pub axis: usize,
    /// One slope per channel or one for all.
    pub sharing: Sharing,
    /// The slopes.
    pub slopes: Vec<T>,
    /// Whether they are frozen.
    pub frozen: bool,
    /// What the tensors hold.
    pub values: Values,
}

impl<T: Element> Case<T> {
    fn new(layout: &'static str, shape: &[usize], axis: usize) -> Self {
        Case {
            layout,
            shape: shape.to_vec(),
            axis,
            sharing: Sharing::PerChannel,
            slopes: every_slope::<T>().into_iter().cycle().take(shape[axis]).collect(),
            frozen: false,
            values: Values::Ordinary,
        }
    }

    /// Slopes from the list of all, beginning at another one.
    fn beginning_at(mut self, offset: usize) -> Self {
        let every = every_slope::<T>();
        let offset = offset % every.len();
        self.slopes = every.into_iter().cycle().skip(offset).take(self.slopes.len()).collect();
        self
    }

    fn uniform(mut self, slope: f64) -> Self {
        self.slopes.fill(T::from_f64(slope));
        self
    }

    /// Three stretches of channels: derivable, encodable, not invertible.
    fn in_thirds(mut self) -> Self {
        let third = self.slopes.len().div_ceil(3).max(1);
        for (channel, slope) in self.slopes.iter_mut().enumerate() {
            *slope = T::from_f64([0.3, -0.7, 0.0][channel / third]);
        }
        self
    }

    fn shared(mut self, slope: T) -> Self {
        self.sharing = Sharing::Shared;
        self.slopes = vec![slope];
        self
    }

    fn frozen(mut self) -> Self {
        self.frozen = true;
        self
    }

    fn values(mut self, values: Values) -> Self {
        self.values = values;
        self
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Layout, shape, axis, slopes and values, for people.
    pub fn name(&self) -> String {
        let slopes = match &self.slopes[..] {
            [] => "no slopes".to_owned(),
            [first, .., last] => format!("slopes {first}..{last}"),
            [only] => format!("slope {only}"),
        };
        let frozen = if self.frozen { "frozen " } else { "" };
        let Case { layout, shape, axis, sharing, values, .. } = self;
        format!("{layout}: {shape:?} axis {axis} {sharing:?}, {frozen}{slopes}, {values:?} values")
    }
}

/// Slopes of every kind: ordinary, zero, infinite, NaN, and around the ends of the range in which
/// the output may stand for the pre-activation.
pub fn every_slope<T: Element>() -> Vec<T> {
    let (threshold, below) = (T::MIN_INVERTIBLE, 1.0 - T::UNIT_ROUNDOFF);
    let above = 1.0 + 2.0 * T::UNIT_ROUNDOFF;
    let slopes = [
        [0.25, -0.25, 0.0, 0.3, -0.7, threshold * below],
        [0.089, -0.0, 0.008, -0.3, f64::INFINITY, threshold],
        [-threshold, 1.0, -threshold * below, -1.0, -0.008, f64::NAN],
        [below, above, f64::NEG_INFINITY, threshold * above, 2.0, T::SMALLEST],
        [-below, -above, -T::SMALLEST, -threshold * above, -2.0, 0.7],
    ];
    slopes.as_flattened().iter().map(|&slope| T::from_f64(slope)).collect()
}

const LENGTHS: [usize; 9] = [1, 7, 31, 32, 33, 63, 64, 65, 129];

/// Every case.
pub fn cases<T: Element>() -> Vec<Case<T>> {
    let mut cases = empty();
    for small in [short(), channels_second(), channels_first_or_last(), axes(), shared()] {
        for case in small {
            cases.push(case.clone().values(Values::Edges));
            cases.push(case);
        }
    }
    cases.extend(frozen());
    cases.extend(specials());
    cases.extend(several_blocks());
    cases
}

fn empty<T: Element>() -> Vec<Case<T>> {
    let shapes: [(&[usize], usize); 5] =
        [(&[0], 0), (&[0, 3], 1), (&[3, 0], 1), (&[2, 3, 0, 5], 1), (&[0, 5, 2], 2)];
    let per_channel = shapes.map(|(shape, axis)| Case::new("empty", shape, axis));
    let shared =
        shapes.map(|(shape, axis)| Case::new("empty", shape, axis).shared(T::from_f64(-0.3)));
    per_channel.into_iter().chain(shared).collect()
}

fn short<T: Element>() -> Vec<Case<T>> {
    LENGTHS
        .into_iter()
        .flat_map(|n| {
            let one_channel = [0.3, -0.7, 0.0]
                .map(|slope| Case::new("one channel", &[1, 1, n], 1).uniform(slope));
            let one_axis = [
                Case::new("one axis", &[n], 0).beginning_at(n),
                Case::new("one axis", &[n], 0).uniform(-0.3),
                Case::new("one axis", &[n], 0).in_thirds(),
            ];
            one_channel.into_iter().chain(one_axis)
        })
        .collect()
}

fn channels_second<T: Element>() -> Vec<Case<T>> {
    let layout = "channels second";
    let mut cases = Vec::new();
    for n in LENGTHS {
        cases.push(Case::new(layout, &[2, 3, n], 1).beginning_at(3 * n));
        cases.push(Case::new(layout, &[2, 3, n], 1).in_thirds());
    }
    for offset in 0..6 {
        cases.push(Case::new(layout, &[4, 6, 7, 7], 1).beginning_at(5 * offset));
    }
    for slope in every_slope::<T>() {
        cases.push(Case::new(layout, &[2, 2, 5, 7], 1).uniform(slope.to_f64()));
    }
    cases.push(Case::new(layout, &[3, 30, 49], 1));
    cases.push(Case::new(layout, &[2, 90, 9], 1).in_thirds());
    cases
}

fn channels_first_or_last<T: Element>() -> Vec<Case<T>> {
    let mut cases = vec![
        Case::new("channels first", &[5, 4, 3], 0),
        Case::new("channels first", &[30, 33], 0),
        Case::new("channels first", &[3, 65], 0).uniform(-0.7),
    ];
    for (outer, channels) in
        [(13, 67), (100, 3), (9, 200), (7, 64), (70, 1), (33, 2), (3, 128), (5, 63), (1, 65)]
    {
        let case = || Case::new("channels last", &[outer, channels], 1);
        cases.extend([case().beginning_at(outer), case().in_thirds()]);
        cases.extend([0.3, -0.7, 0.0].map(|slope| case().uniform(slope)));
    }
    cases
}

fn axes<T: Element>() -> Vec<Case<T>> {
    let sizes = [2, 3, 2, 4, 1, 3, 2, 3];
    let every = (1..=sizes.len()).flat_map(|axes| (0..axes).map(move |axis| (axes, axis)));
    every
        .map(|(axes, axis)| Case::new("1 to 8 axes", &sizes[..axes], axis).beginning_at(axes))
        .collect()
}

fn shared<T: Element>() -> Vec<Case<T>> {
    let mut cases = Vec::new();
    for slope in every_slope::<T>() {
        cases.push(Case::new("shared slope", &[2, 3, 37], 1).shared(slope));
    }
    for n in LENGTHS {
        cases.push(Case::new("shared slope", &[n], 0).shared(T::from_f64(-0.7)));
    }
    cases.push(Case::new("shared slope", &[11, 7], 1).shared(T::from_f64(0.3)));
    cases
}

fn frozen<T: Element>() -> Vec<Case<T>> {
    let mut cases = vec![
        Case::new("frozen slopes", &[3, 30, 33], 1).frozen(),
        Case::new("frozen slopes", &[40, 30], 1).frozen(),
        Case::new("frozen slopes", &[2, 30, 7], 1).in_thirds().frozen(),
        Case::new("frozen slopes", &[12, 90], 1).in_thirds().frozen(),
    ];
    for slope in every_slope::<T>() {
        cases.push(Case::new("frozen slopes", &[2, 3, 37], 1).shared(slope).frozen());
    }
    for case in cases.clone() {
        cases.push(case.values(Values::Edges));
    }
    cases
}

fn specials<T: Element>() -> Vec<Case<T>> {
    let layout = "special values";
    let pairs = values::specials::<T>().len().pow(2);
    let channels = pairs * every_slope::<T>().len();
    let second = Case::new(layout, &[1, channels, 3], 1).values(Values::Specials);
    let last = Case::new(layout, &[3, channels], 1).values(Values::Specials);
    // Long enough for sums in lanes, which short runs and columns do without.
    let long = Case::new(layout, &[1, channels, 33], 1).values(Values::Specials);
    let mut cases = vec![second.clone(), last.clone(), long, second.frozen(), last.frozen()];
    // Whole chunks within a run, and chunks over the ends of runs.
    for shape in [[1, pairs, 129], [2, pairs, 35]] {
        let runs = Case::new(layout, &shape, 1).values(Values::Specials);
        cases.extend([0.3, -0.7, 0.0].map(|slope| runs.clone().uniform(slope)));
    }
    // Enough rows for sums of four rows, and of a period of one chunk and of more.
    for shape in [[9, 64], [13, 128], [9, 1024]] {
        let rows = Case::new(layout, &shape, 1).values(Values::Specials);
        cases.extend([0.3, -0.7, 0.0].map(|slope| rows.clone().uniform(slope)));
        cases.push(rows.in_thirds());
    }
    cases
}

/// Beyond 65,536 elements, where the CPU's blocks end and word boundaries move.
fn several_blocks<T: Element>() -> Vec<Case<T>> {
    let case = |shape: &[usize], axis| Case::new("several blocks", shape, axis);
    vec![
        case(&[3, 5, 97, 101], 1),
        case(&[3, 5, 97, 101], 1).beginning_at(17),
        case(&[1, 2, 70_003], 1).uniform(-0.7),
        case(&[2, 3, 33_001], 1).in_thirds(),
        case(&[2, 1_500, 7, 7], 1).beginning_at(4),
        case(&[2, 1_500, 7, 7], 1).uniform(-0.3),
        case(&[20, 1_500, 7], 1),
        case(&[70_001, 3], 1).in_thirds(),
        case(&[3_001, 67], 1),
        case(&[300, 1_100], 1).in_thirds(),
        case(&[150_001], 0),
        case(&[150_001], 0).shared(T::from_f64(-0.7)),
        case(&[3, 5, 97, 101], 1).beginning_at(3).frozen(),
        case(&[3_001, 67], 1).frozen(),
    ]
}
