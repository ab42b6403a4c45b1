//! Draws what a training step holds in memory, step by step, for each way to preserve the
//! pre-activation: `cargo run -p prelu-mem-net --example memory_picture -- docs/memory-step.svg`.

use std::error::Error;

use plotters::coord::Shift;
use plotters::prelude::*;
use prelu_mem_core::{Cpu, Filler, VarianceNorm};
use prelu_mem_net::layers::{
    Convolution, HandOver, InnerProduct, MaxPooling, Method, PRelu, SoftmaxWithLoss,
};
use prelu_mem_net::plan::{MemoryPlan, plan};
use prelu_mem_net::{Chain, Gradients, Init};
use prelu_mem_registry::StrategyName;

/// Okabe and Ito's colours, told apart without full colour vision, in the order of
/// `Parts::named`.
const COLOURS: [RGBColor; 8] = [
    RGBColor(86, 180, 233),
    RGBColor(204, 121, 167),
    RGBColor(213, 94, 0),
    RGBColor(0, 0, 0),
    RGBColor(0, 158, 115),
    RGBColor(240, 228, 66),
    RGBColor(170, 170, 170),
    RGBColor(0, 114, 178),
];

const SIZE: (u32, u32) = (900, 980);
const HEADER: u32 = 110;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("expected the path of the SVG file to write")?;
    std::fs::write(path, picture()?)?;
    Ok(())
}

/// The whole picture, as SVG.
fn picture() -> Result<String, Box<dyn Error>> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let (header, body) = area.split_vertically(HEADER);
        let plans = panels()?;
        let most = plans.iter().map(|(_, plan)| plan.peak_bytes()).max().unwrap_or(0);
        legend(&header, &plans[0].1)?;
        let panels = body.split_evenly((plans.len().div_ceil(2), 2));
        for ((name, plan), panel) in plans.iter().zip(&panels) {
            draw(panel, name, plan, most)?;
        }
        area.present()?;
    }
    Ok(svg)
}

/// Every way in place with resident gradients, and the two that transient ones change most.
fn panels() -> Result<Vec<(String, MemoryPlan)>, Box<dyn Error>> {
    let stash = Method::Stash(HandOver::Direct);
    let copy = Method::InPlace(StrategyName::FullCopy);
    let once =
        |&method: &Method| method != Method::OutOfPlace && method != Method::Stash(HandOver::Copy);
    let resident = Method::all().filter(once).map(|method| (method, Gradients::Resident));
    let transient = [copy, stash].map(|method| (method, Gradients::Transient));
    let panel = |(method, gradients): (Method, Gradients)| {
        let name = if method == stash { "diff-stash".to_owned() } else { method.to_string() };
        let mode = match gradients {
            Gradients::Resident => "",
            Gradients::Transient => ", gradients transient",
        };
        Ok((format!("{name}{mode}"), step(method, gradients)?))
    };
    resident.chain(transient).map(panel).collect()
}

/// Three 1x1 convolutions, each with a PReLU; a pooling, which does not keep its input; a loss.
/// Slopes positive, negative and zero.
fn step(method: Method, gradients: Gradients) -> Result<MemoryPlan, Box<dyn Error>> {
    let msra = || Init::from(Filler::Msra(VarianceNorm::FanIn));
    let slopes = |channels: usize| (0..channels).map(|c| [0.25, -0.25, 0.25, 0.0][c % 4]).collect();
    let mut chain = Chain::<f32>::new(&[32, 16, 16, 16], 1);
    let mut blob = chain.input();
    for index in 1..=3 {
        blob = chain.then(&format!("conv{index}"), Convolution::same(16, 1, msra()), blob)?;
        let prelu = PRelu { slopes: Init::Values(slopes(16)), ..PRelu::new(method) };
        chain.in_place(&format!("prelu{index}"), prelu, blob)?;
    }
    let blob = chain.then("pool", MaxPooling { kernel: 2, stride: 2 }, blob)?;
    let blob = chain.then("scores", InnerProduct::new(10, msra()), blob)?;
    chain.add("loss", SoftmaxWithLoss, &[blob])?;
    Ok(plan(&chain, &Cpu::new(1)?, gradients)?)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn legend(area: &Area<'_>, plan: &MemoryPlan) -> Result<(), Box<dyn Error>> {
    let title = ("sans-serif", 22).into_font();
    area.draw(&Text::new("Memory of one training step, by strategy", (20, 12), title))?;
    let subtitle = "three convolutions with a PReLU each, a pooling, a loss; slopes of both signs and zero; \
                    f32; gradients resident unless stated";
    area.draw(&Text::new(subtitle, (20, 40), ("sans-serif", 13).into_font()))?;
    for (index, (part, _)) in plan.peak().1.named().iter().enumerate() {
        let (x, y) = (20 + 215 * (index as i32 % 4), 66 + 20 * (index as i32 / 4));
        let colour = COLOURS[index].filled();
        area.draw(&Rectangle::new([(x, y), (x + 14, y + 12)], colour))?;
        area.draw(&Text::new(part.to_string(), (x + 20, y), ("sans-serif", 14).into_font()))?;
    }
    Ok(())
}

fn draw(area: &Area<'_>, name: &str, plan: &MemoryPlan, most: usize) -> Result<(), Box<dyn Error>> {
    const MIB: f64 = 1_048_576.0;
    let steps = plan.steps();
    let top = most as f64 / MIB * 1.08;
    let caption = format!("{name}: peak {:.2} MiB", plan.peak_bytes() as f64 / MIB);
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .caption(caption, ("sans-serif", 15))
        .x_label_area_size(34)
        .y_label_area_size(44)
        .build_cartesian_2d(0.0..steps.len() as f64, 0.0..top)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .x_labels(0)
        .y_labels(5)
        .x_desc("load, forward of each layer | backward of each, last layer first, update")
        .y_desc("MiB")
        .axis_desc_style(("sans-serif", 12))
        .label_style(("sans-serif", 11))
        .draw()?;
    let turn = 1.0 + (steps.len() - 2) as f64 / 2.0;
    let line = [(turn, 0.0), (turn, top)];
    chart.draw_series(DashedLineSeries::new(line, 3, 3, BLACK.stroke_width(1)))?;
    for (at, (_, parts)) in steps.iter().enumerate() {
        let mut below = 0.0;
        for (index, (_, bytes)) in parts.named().into_iter().enumerate() {
            let above = below + bytes as f64 / MIB;
            let bar = [(at as f64 + 0.06, below), (at as f64 + 0.94, above)];
            chart.draw_series([Rectangle::new(bar, COLOURS[index].filled())])?;
            below = above;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_picture_is_current() -> Result<(), Box<dyn Error>> {
        let committed = include_str!("../../../docs/memory-step.svg");
        assert!(
            picture()? == committed,
            "draw it again: cargo run -p prelu-mem-net --example memory_picture -- docs/memory-step.svg"
        );
        Ok(())
    }
}
