//! `siglip embed` against what a user would pick instead: the same images, weights and threads, in turns.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use super::decode;
use crate::{
    files, machine, process,
    project::Project,
    python::{PyTorch, Python},
    setup,
    side_environment::side_environment,
};

/// Runs of every variant. They take turns, so that a slow minute of the machine slows all.
const ROUNDS: usize = 3;
/// Images, or texts, that go through the model at once.
const BATCH: &str = "16";

/// What is measured: who computes, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Variant {
    name: &'static str,
    who: Who,
    /// The `--dtype` of `siglip embed`, or the variant of `crate/benches/embed/peer.py`.
    kind: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Ours,
    Peer,
}

const fn ours(kind: &'static str, name: &'static str) -> Variant {
    Variant { name, who: Who::Ours, kind }
}

const fn peer(kind: &'static str, name: &'static str) -> Variant {
    Variant { name, who: Who::Peer, kind }
}

const VARIANTS: [Variant; 10] = [
    ours("f32", "siglip embed, f32"),
    peer("pil", "transformers, f32, PIL processor"),
    peer("torchvision", "transformers, f32, torchvision processor"),
    peer("openvino", "OpenVINO, f32"),
    peer("onnxruntime", "ONNX Runtime, f32"),
    ours("bf16", "siglip embed, bf16 weights"),
    peer("autocast", "transformers, bf16 autocast"),
    peer("bf16", "transformers, bf16 weights"),
    peer("openvino-bf16", "OpenVINO, bf16"),
    ours("int8", "siglip embed, int8 products"),
];
/// To which the others' embeddings are compared.
const REFERENCE: Variant = VARIANTS[1];
/// Whose memory is compared with that for more images.
const HALF: Variant = VARIANTS[5];

/// Times `siglip embed` and its peers, and decoding alone, and returns the tables.
///
/// # Errors
/// If the set-up or a run fails.
pub(super) fn table(project: &Project) -> Result<String> {
    let python = setup::engine(project, PyTorch::Whole)?;
    let requirements = project.library().join("benches/embed/requirements.txt");
    let side = side_environment(project, &python, ".venv-peers", &requirements)?;
    let bench = Bench { side, project, folder: project.target().join("bench/embed") };
    bench.prepare()?;
    let mut runs = vec![Vec::new(); VARIANTS.len()];
    for round in 1..=ROUNDS {
        for (variant, runs) in VARIANTS.iter().zip(&mut runs) {
            eprintln!("round {round} of {ROUNDS}: {}", variant.name);
            runs.push(bench.measure(*variant, "images")?);
        }
    }
    let more = bench.measure(HALF, "more")?;
    let medians: Vec<Run> = runs.iter().map(|runs| median(runs)).collect();
    let cosines = bench.cosines()?;
    let decoding = decode::section(project, &bench.side, &bench.folder.join("images"))?;
    Ok(compose(&medians, &cosines, &more, &bench.versions()?) + &decoding)
}

struct Bench<'a> {
    project: &'a Project,
    /// The Python with the peers.
    side: Python,
    /// What `prepare.py` makes.
    folder: PathBuf,
}

impl Bench<'_> {
    fn script(&self, name: &str) -> PathBuf {
        self.project.library().join("benches/embed").join(name)
    }

    /// Makes images and a checkpoint, and builds what is measured.
    fn prepare(&self) -> Result<()> {
        process::run(self.side.command().arg(self.script("prepare.py")).arg(&self.folder))?;
        let mut cargo = process::cargo();
        cargo.current_dir(self.project.root());
        process::run(cargo.args([
            "build",
            "--release",
            "--package",
            "siglip-models",
            "--example",
            "embed_speed",
        ]))
    }

    /// Runs `variant` on the images in `images`, which has its labels beside it.
    fn measure(&self, variant: Variant, images: &str) -> Result<Run> {
        let [model, labels] =
            ["model".to_owned(), format!("{images}.txt")].map(|name| self.folder.join(name));
        let mut command = match variant.who {
            Who::Ours => process::command(self.project.target().join("release/examples/embed_speed")),
            Who::Peer => {
                let mut python = self.side.command();
                python.arg(self.script("peer.py")).env("HF_HUB_OFFLINE", "1");
                python
            }
        };
        let out = self.out(variant);
        // An interrupted benchmark must not be resumed: nothing would be computed.
        files::remove(&out.with_extension("npz.partial"))?;
        command.arg(variant.kind).arg(model).arg(self.folder.join(images)).arg(labels).arg(BATCH).arg(out);
        run_to_the_end(command).context(variant.name)
    }

    fn out(&self, variant: Variant) -> PathBuf {
        self.folder.join(format!("{:?}-{}.npz", variant.who, variant.kind))
    }

    /// The smallest cosine of each variant's image embeddings with those of transformers in
    /// float32 with the PIL processor.
    fn cosines(&self) -> Result<Vec<f64>> {
        let script = "import sys, numpy as np; a, *b = [np.load(f)['image'] for f in sys.argv[1:]]; \
                      print(*[(a * x[: len(a)]).sum(1).min() for x in b])";
        let mut python = self.side.command();
        python.args(["-c", script]).arg(self.out(REFERENCE));
        let printed = process::output(python.args(VARIANTS.map(|variant| self.out(variant))))?;
        printed.split(' ').map(|cosine| Ok(cosine.parse()?)).collect()
    }

    fn versions(&self) -> Result<Vec<(&'static str, String)>> {
        let script = "import importlib.metadata as m; names = ['torch', 'transformers', 'torchvision', \
                      'Pillow', 'openvino', 'onnxruntime']; \
                      print(', '.join(f'{name} {m.version(name)}' for name in names))";
        let mut versions = machine::surroundings(self.project);
        versions.push(("Python packages", process::output(self.side.command().args(["-c", script]))?));
        Ok(versions)
    }
}

/// The numbers of one run, or their medians over several.
#[derive(Debug, Clone, Default)]
struct Run {
    threads: usize,
    /// From the start of the process until the first batch.
    ready: f64,
    /// A second, from the first image's file to the last embedding.
    images: f64,
    /// A second, of the model's text length.
    texts: f64,
    /// Largest resident memory, in MiB, with the mapped weights; 0 where the system does not say.
    memory: f64,
}

/// Follows what a program says of its progress: `threads N`, then `texts K` and `images K`.
fn run_to_the_end(mut command: Command) -> Result<Run> {
    let start = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let (mut run, mut texts, mut images) = (Run::default(), Vec::new(), Vec::new());
    for line in BufReader::new(child.stdout.take().context("a pipe was asked for")?).lines() {
        let line = line?;
        let now = start.elapsed();
        let (what, count) = line.split_once(' ').with_context(|| format!("unexpected: {line}"))?;
        let count: usize = count.parse().with_context(|| format!("unexpected: {line}"))?;
        match what {
            "threads" => run.threads = count,
            "texts" => texts.push((count, now)),
            "images" => images.push((count, now)),
            _ => bail!("unexpected: {line}"),
        }
        run.memory = peak_memory(&status).unwrap_or(run.memory);
    }
    let status = child.wait()?;
    ensure!(status.success(), "{status}");
    run.ready = texts.first().context("it embedded no texts")?.1.as_secs_f64();
    (run.texts, run.images) = (rate(&texts)?, rate(&images)?);
    Ok(run)
}

fn rate(stage: &[(usize, Duration)]) -> Result<f64> {
    let [(0, begun), .., (count, ended)] = stage else { bail!("a stage said no more than {stage:?}") };
    Ok(*count as f64 / (*ended - *begun).as_secs_f64())
}

/// `VmHWM` of a process, in MiB.
fn peak_memory(status: &Path) -> Option<f64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<f64>().ok()? / 1024.0)
}

fn median(runs: &[Run]) -> Run {
    let middle = |of: fn(&Run) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Run {
        threads: runs[0].threads,
        ready: middle(|run| run.ready),
        images: middle(|run| run.images),
        texts: middle(|run| run.texts),
        memory: middle(|run| run.memory),
    }
}

fn compose(runs: &[Run], cosines: &[f64], more: &Run, versions: &[(&str, String)]) -> String {
    let mut lines = vec![
        "# `siglip embed` against what a user would pick instead\n".to_owned(),
        format!(
            "siglip-base-patch16-224 with random weights, 64 JPEG photographs of 500 x 375 and as many class \
             names, batches of {BATCH}, {} threads. Medians of {ROUNDS} runs that took turns; \
             `cargo xtask bench embed` makes this page.\n",
            runs[0].threads
        ),
        "| | images/s, end to end | texts/s (64 tokens) | ready after | peak memory | least cosine to f32 |"
            .to_owned(),
        "|---|---|---|---|---|---|".to_owned(),
    ];
    for ((variant, run), cosine) in VARIANTS.iter().zip(runs).zip(cosines) {
        let Run { ready, images, texts, memory, .. } = run;
        let name = variant.name;
        lines.push(format!(
            "| {name} | {images:.2} | {texts:.1} | {ready:.2} s | {memory:.0} MiB | {cosine:.6} |"
        ));
    }
    let [ours, pil, torchvision, openvino, onnx, half, autocast, half_weights, openvino_half, integers] =
        runs
    else {
        unreachable!("a run for each variant")
    };
    lines.push("\n| | measured | aim |\n|---|---|---|".to_owned());
    for (what, measured, aim) in [
        (
            "f32 to transformers' faster processor",
            ours.images / pil.images.max(torchvision.images),
            "at least 1; 0.95 is a tie",
        ),
        ("f32 to OpenVINO's", ours.images / openvino.images, "at least 1.05"),
        ("f32 to ONNX Runtime's", ours.images / onnx.images, "at least 1.05"),
        ("bf16 to OpenVINO's", half.images / openvino_half.images, "at least 1.05"),
        ("bf16 to f32", half.images / ours.images, "at least 2"),
        ("bf16 to transformers' autocast", half.images / autocast.images, "at least 1.3"),
        ("bf16 to transformers with bf16 weights", half.images / half_weights.images, "at least 1"),
        ("int8 to bf16", integers.images / half.images, "at least 1.5"),
        ("memory to transformers', f32", ours.memory / pil.memory.min(torchvision.memory), "below 1"),
        ("memory to transformers', bf16", half.memory / autocast.memory, "below 1"),
        ("bf16 memory with three times the images", more.memory / half.memory, "1"),
    ] {
        lines.push(format!("| {what} | {measured:.2} | {aim} |"));
    }
    lines.push("\n| made with | |\n|---|---|".to_owned());
    lines.extend(versions.iter().map(|(what, which)| format!("| {what} | {which} |")));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Run> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        run_to_the_end(command)
    }

    #[test]
    fn a_program_is_timed_by_what_it_says() {
        let run = shell(
            "echo threads 2; sleep 0.2; echo texts 0; sleep 0.2; echo texts 3; echo images 0; sleep 0.1; echo images 8",
        )
        .unwrap();
        assert_eq!(run.threads, 2);
        // It cannot have been faster than it slept.
        assert!(run.ready >= 0.2 && run.texts <= 15.0 && run.images <= 80.0, "{run:?}");
        for (script, words) in [
            ("echo texts 0; echo texts 1; echo images 0; echo images 1; exit 3", "3"),
            ("echo texts 0", "a stage said no more"),
            ("echo", "unexpected"),
        ] {
            let error = format!("{:#}", shell(script).unwrap_err());
            assert!(error.contains(words), "{script}: {error}");
        }
    }

    #[test]
    fn the_page_has_every_variant_and_the_ratios() {
        let run = |images: f64| Run { threads: 2, ready: 1.0, images, texts: 10.0, memory: 1000.0 };
        let runs = [4.0, 3.0, 3.5, 2.5, 2.0, 8.0, 6.0, 7.0, 5.0, 12.0].map(run);
        let page = compose(&runs, &[1.0; 10], &run(8.0), &[("processor", "P".to_owned())]);
        for line in [
            "| siglip embed, f32 | 4.00 | 10.0 | 1.00 s | 1000 MiB | 1.000000 |",
            "| f32 to transformers' faster processor | 1.14 | at least 1; 0.95 is a tie |",
            "| f32 to OpenVINO's | 1.60 | at least 1.05 |",
            "| f32 to ONNX Runtime's | 2.00 | at least 1.05 |",
            "| bf16 to OpenVINO's | 1.60 | at least 1.05 |",
            "| bf16 to f32 | 2.00 | at least 2 |",
            "| bf16 to transformers' autocast | 1.33 | at least 1.3 |",
            "| bf16 to transformers with bf16 weights | 1.14 | at least 1 |",
            "| int8 to bf16 | 1.50 | at least 1.5 |",
            "| processor | P |",
        ] {
            assert!(page.lines().any(|found| found == line), "no {line:?} in\n{page}");
        }
        assert!(VARIANTS.iter().all(|variant| page.contains(variant.name)));
    }
}
