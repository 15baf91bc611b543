//! Pictures that are decoded a second on one core, for `cargo xtask bench embed`: `decode_speed FOLDER`,
//! whose pictures are read before the clock starts.

use std::time::Instant;
use std::{error::Error, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("expected FOLDER")?;
    let files = fs::read_dir(folder)?.map(|entry| fs::read(entry?.path())).collect::<Result<Vec<_>, _>>()?;
    let start = Instant::now();
    for bytes in &files {
        std::hint::black_box(pictures::decode(bytes)?);
    }
    println!("{}", files.len() as f64 / start.elapsed().as_secs_f64());
    Ok(())
}
