//! How many similarities a second the geometry of N pairs takes in, on random vectors:
//! `cargo run --release --package siglip-constellation --example pairs_speed -- N DIM`.

use std::time::Instant;

use constellation::geometry::LabelledGeometry;
use constellation::{Experiment, points::initial_vectors};
use ndarray::Axis;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<usize> =
        std::env::args().skip(1).map(|word| word.parse()).collect::<Result<_, _>>()?;
    let [pairs, dim] = arguments[..] else { return Err("expected N and DIM".into()) };
    let vectors = initial_vectors(&Experiment { pairs, dim, ..Experiment::default() });
    let [images, texts] = [0, 1].map(|modality| vectors.index_axis(Axis(0), modality));
    let class_of: Vec<usize> = (0..pairs).collect();
    let start = Instant::now();
    let geometry = LabelledGeometry::of(images, texts, &class_of)?;
    let seconds = start.elapsed().as_secs_f64();
    let rate = (pairs as f64).powi(2) / seconds;
    println!(
        "N = {pairs}, d = {dim}: margin {:.4}, {seconds:.2} s, {rate:.3e} similarities a second",
        geometry.margin
    );
    Ok(())
}
