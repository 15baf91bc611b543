//! `siglip embed` that says how far it is after every batch, for `cargo xtask bench embed`:
//! `embed_speed DTYPE MODEL IMAGES LABELS BATCH OUT`, with `texts 0` once it is ready.

use models::{Dtype, EmbedOptions, embed};

fn main() -> models::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dtype, model, images, labels, batch, out] = &arguments[..] else {
        panic!("expected DTYPE MODEL IMAGES LABELS BATCH OUT")
    };
    println!("threads {}", tch::get_num_threads());
    let options = EmbedOptions {
        dtype: match dtype.as_str() {
            "int8" => Dtype::Int8,
            "bf16" => Dtype::Bf16,
            _ => Dtype::F32,
        },
        labels: Some(labels.into()),
        batch: batch.parse().expect("BATCH is a number"),
        ..EmbedOptions::new(model, images, out)
    };
    embed(&options, &mut |progress| println!("{} {}", progress.stage, progress.done)).map(drop)
}
