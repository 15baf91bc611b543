//! Trains twenty pairs of vectors on the sphere until they are a constellation, and draws it:
//! `cargo run --release --example constellation`. Prints t = 950.98, margin 0.0124.

use siglip_core::prelude::*;

fn main() -> Result<()> {
    let experiment = Experiment {
        pairs: 20,
        dim: 3,
        temperature: Temperature::trained(10.0),
        bias: Bias::fixed(Relative, 0.0),
        ..Experiment::default()
    };
    let run = experiment.train()?;
    print!("{}", run.table());

    let picture = std::env::temp_dir().join("constellation.png");
    run.sphere("A constellation, found by gradient descent")?.save(&picture)?;
    println!("{}", picture.display());
    Ok(())
}
