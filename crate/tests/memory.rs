//! A step in blocks of rows has nothing of size N x N in memory: each size is a process of its own, whose
//! peak the system tells.
#![cfg(all(feature = "libtorch", target_os = "linux"))]

use constellation::points::initial_vectors;
use constellation::{Engine, Experiment, History, Record};
use siglip_core::Libtorch;

/// Tells the child what to train: the pairs, and the rows of a block if they are not the engine's choice.
const TASK: &str = "SIGLIP_TEST_MEMORY";
const PEAK: &str = "peak bytes:";

/// The most memory that a process has had in which one step was made.
fn peak(task: &str) -> u64 {
    let name = "nothing_of_the_size_of_all_similarities_is_stored";
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    let output = child.args(["--exact", name, "--nocapture"]).env(TASK, task).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let number = said.split(PEAK).nth(1).expect("the child says its peak");
    number.lines().next().unwrap().trim().parse().unwrap()
}

fn make_a_step(task: &str) {
    let mut numbers = task.split(' ').map(|number| number.parse().unwrap());
    let experiment = Experiment { pairs: numbers.next().unwrap(), dim: 16, ..Experiment::default() };
    let device = siglip_core::tch::Device::Cpu;
    let engine = Libtorch::new(&experiment, initial_vectors(&experiment), device).unwrap();
    let mut engine = match numbers.next() {
        Some(rows) => engine.in_blocks(rows),
        None => engine,
    };
    engine.advance(1, Record::MARGIN, &mut History::default()).unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kibibytes: u64 = kibibytes.split_whitespace().next().unwrap().parse().unwrap();
    println!("{PEAK} {}", kibibytes * 1024);
}

#[test]
fn nothing_of_the_size_of_all_similarities_is_stored() {
    if let Ok(task) = std::env::var(TASK) {
        return make_a_step(&task);
    }
    /// Bytes of all similarities.
    fn all(pairs: u64) -> u64 {
        pairs * pairs * size_of::<f32>() as u64
    }
    let libtorch = peak("64");
    let blocks = peak("16000") - libtorch;
    assert!(blocks < all(16_000) / 2, "{blocks} bytes, all similarities are {}", all(16_000));
    // With all rows in one block it is seen.
    let whole = peak("6000 6000") - libtorch;
    assert!(whole > 2 * all(6_000), "{whole} bytes, all similarities are {}", all(6_000));
}
