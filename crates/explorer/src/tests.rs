use std::io::Write as _;
use std::process::{Command, Stdio};

use constellation::{Experiment, History, Numerics, loss};
use ndarray::{Array3, Axis};
use serde_json::{Value, json};

use super::*;

/// `pairs` in `dim` dimensions, spread without any order, for `frames` epochs.
fn data(shape: (usize, usize, usize), frames: usize) -> ExplorerData {
    let frame = |epoch: usize| {
        let mut vectors = Array3::from_shape_fn(shape, |(m, i, k)| {
            let seed = (m * 7919 + i * 104_729 + k * 1_299_709 + epoch * 15_485_863) as f64;
            ((seed * 0.618_033_988_749_894_9).fract() - 0.5) as f32 + if m == 0 { 0.1 } else { -0.1 }
        });
        for mut modality in vectors.outer_iter_mut() {
            for mut row in modality.outer_iter_mut() {
                let size = row.dot(&row).sqrt();
                row /= size;
            }
        }
        Frame { epoch, vectors, temperature: 10.0 + epoch as f64, relative_bias: 0.01 * epoch as f64 }
    };
    let column = |start: f64| (0..frames).map(|epoch| start + epoch as f64).collect();
    let history = History {
        loss: column(1.0),
        temperature: column(11.0),
        relative_bias: column(0.01),
        ..History::default()
    };
    ExplorerData {
        title: "A title".to_owned(),
        frames: (0..frames).map(frame).collect(),
        history,
        numerics: Numerics::Exact,
        experiment: None,
        starts: false,
        brings_engine: true,
        still: Vec::new(),
    }
}

fn payload_of(data: &ExplorerData) -> Value {
    serde_json::from_str(&payload::pack(data, Explorer::MAX_BYTES).unwrap()).unwrap()
}

#[test]
fn the_same_data_give_the_same_bytes() {
    for shape in [(2, 20, 3), (3, 210, 5)] {
        let [first, second] = [(), ()].map(|()| Explorer::new(&data(shape, 5)).unwrap());
        assert_eq!(first.html(), second.html());
    }
}

#[test]
fn an_output_stays_within_its_size() {
    for (shape, frames) in [((2, 100, 10), 64), ((2, 1000, 8), 64), ((10, 100, 10), 64), ((2, 20, 3), 3000)] {
        let data = data(shape, frames);
        let explorer = Explorer::new(&data).unwrap();
        assert!(explorer.html().len() <= Explorer::MAX_BYTES, "{shape:?}: {}", explorer.html().len());
        let epochs = payload_of(&data)["epochs"].as_array().unwrap().clone();
        assert_eq!((epochs[0].as_u64(), epochs.last().unwrap().as_u64()), (Some(0), Some(frames as u64 - 1)));
    }
}

#[test]
fn the_engine_is_brought_once() {
    let rich = Explorer::new(&data((2, 4, 3), 2)).unwrap();
    let poor = Explorer::new(&ExplorerData { brings_engine: false, ..data((2, 4, 3), 2) }).unwrap();
    let engine = include_bytes!("page/engine.wasm.zlib").len().div_ceil(3) * 4;
    assert_eq!(rich.html().len() - poor.html().len(), engine + "\"\"".len() - "null".len());
}

/// The functions of `page/experiment.js` on the golden description, in node.
fn forms_of(description: &Value) -> Option<Value> {
    let program = format!(
        "{}\nconst defaults = {};\nconst experiment = completed({description}, defaults);\n\
         console.log(JSON.stringify([asRust(experiment, defaults), fromHash(asHash(experiment, defaults), defaults)]));",
        include_str!("page/experiment.js"),
        serde_json::to_string(&Experiment::default()).unwrap(),
    );
    in_node("the_page_gives_the_experiment_as_rust", &program)
}

#[test]
fn the_page_gives_the_experiment_as_rust() {
    use constellation::{Bias, BiasKind, Temperature};
    let experiment = include!("golden/experiment.rs");
    let description = serde_json::to_value(&experiment).unwrap();
    let Some(forms) = forms_of(&description) else { return };
    assert_eq!(forms[0].as_str().unwrap(), include_str!("golden/experiment.rs").trim_end());
    assert_eq!(serde_json::from_value::<Experiment>(forms[1].clone()).unwrap(), experiment);
}

#[test]
fn the_front_page_shows_the_notebooks() {
    let entry = Entry {
        title: "<i>N</i> pairs".to_owned(),
        about: "<p>What it shows.</p>".to_owned(),
        page: "A\"b.html".to_owned(),
        picture: Some("a.png".to_owned()),
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    write_front(file.path(), &[entry], Some("REPORT.html"), Vec::new()).unwrap();
    let page = std::fs::read_to_string(file.path()).unwrap();
    let link = "<h3><a href=\"A&quot;b.html\"><i>N</i> pairs</a></h3>\n<p>What it shows.</p>";
    for part in [link, "src=\"a.png\"", "href=\"REPORT.html\"", "\"starts\":true"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn what_cannot_fit_is_an_error() {
    let mut large = data((2, 4, 3), 1);
    large.still = vec![0; Explorer::MAX_BYTES];
    assert!(Explorer::new(&large).unwrap_err().to_string().contains("kB"));
}

#[test]
fn a_title_cannot_break_out() {
    let plain = Explorer::new(&data((2, 4, 3), 2)).unwrap();
    let mut hostile = data((2, 4, 3), 2);
    hostile.title =
        "</script><script>alert(1)</script><!-- <img src=x onerror='a' \"\u{2028}`${1}".to_owned();
    let hostile = Explorer::new(&hostile).unwrap();
    for html in [plain.html(), hostile.html()] {
        assert_eq!((html.matches("<script").count(), html.matches("</script").count()), (1, 1));
        assert!(!html.contains("<!--") && !html.contains("<img"));
    }
}

#[test]
fn the_page_asks_for_nothing_from_the_network() {
    let explorer = Explorer::new(&data((2, 4, 3), 2)).unwrap();
    for request in
        ["fetch(", "XMLHttpRequest", "import(", "WebSocket", "src=\"http", "url(", "@import", "<link"]
    {
        assert!(!explorer.html().contains(request), "{request}");
    }
}

#[test]
fn impossible_data_are_errors() {
    let changed = |change: fn(&mut ExplorerData)| {
        let mut data = data((2, 4, 3), 3);
        change(&mut data);
        Explorer::new(&data).unwrap_err().to_string()
    };
    assert!(changed(|data| data.frames.clear()).contains("no frame"));
    assert!(changed(|data| data.frames[1].temperature = f64::NAN).contains("NaN"));
    assert!(changed(|data| data.frames[1].relative_bias = f64::INFINITY).contains("inf"));
    assert!(changed(|data| data.frames[1].temperature = 0.0).contains("t = 0"));
    assert!(changed(|data| data.frames[2].vectors[[0, 0, 0]] = f32::NAN).contains("epoch 2"));
    assert!(changed(|data| data.frames.swap(0, 1)).contains("comes after"));
    assert!(changed(|data| data.frames[0].vectors = Array3::zeros((2, 5, 3))).contains("(2, 5, 3)"));
    assert!(
        changed(|data| data.frames.iter_mut().for_each(|f| f.vectors = Array3::zeros((1, 4, 3))))
            .contains('1')
    );
}

#[test]
fn the_curve_counts_steps() {
    let payload = payload_of(&data((2, 4, 3), 4));
    // The history's loss is that before a step, its parameters are those after it.
    assert_eq!(payload["curve"]["epoch"], json!([0, 1, 2, 3, 4]));
    assert_eq!(payload["curve"]["loss"], json!([1.0, 2.0, 3.0, 4.0, null]));
    assert_eq!(payload["curve"]["temperature"], json!([10.0, 11.0, 12.0, 13.0, 14.0]));
}

#[test]
fn without_a_history_the_curve_is_that_of_the_frames() {
    let mut data = data((2, 4, 3), 3);
    data.history = History::default();
    let payload = payload_of(&data);
    assert_eq!(payload["curve"]["epoch"], json!([0, 1, 2]));
    assert_eq!(payload["curve"]["loss"], json!([null, null, null]));
}

/// The mean of the terms, in float64 and, for the paper's form, with float32 where that shows.
fn reference(vectors: &Array3<f32>, t: f64, bias: f64, numerics: Numerics) -> f64 {
    let modalities = vectors.len_of(Axis(0));
    let pairs = (0..modalities).flat_map(|first| (first + 1..modalities).map(move |second| (first, second)));
    let (mut sum, mut count) = (0.0, 0.0);
    for (first, second) in pairs {
        let modality = |m| vectors.index_axis(Axis(0), m).mapv(f64::from);
        for ((i, j), s) in modality(first).dot(&modality(second).t()).indexed_iter() {
            let z = t * (s - bias);
            sum += match numerics {
                Numerics::Exact => loss::term(z, i == j, numerics),
                Numerics::Paper => {
                    let p = 1.0 / (1.0 + (-z as f32).exp());
                    f64::from(-(if i == j { p } else { 1.0 - p } + loss::PAPER_EPSILON as f32).ln())
                }
            };
            count += 1.0;
        }
    }
    sum / count
}

/// The losses that the page computes of all frames at all settings, in node.
fn losses_in_page(
    test: &str,
    data: &ExplorerData,
    settings: &[(f64, f64)],
    numerics: &str,
) -> Option<Vec<f64>> {
    let program = format!(
        "{}\n{}\n{}\n{}\n{}\nconst data = {};\nconst {{ frameAt }} = recordedRun(data);\n\
         const settings = {};\n\
         const all = data.epochs.flatMap((_, k) => settings.map(([t, b]) => loss(frameAt(k).sample, t, b, \"{numerics}\")));\n\
         console.log(JSON.stringify(all));",
        include_str!("page/axes.js"),
        include_str!("page/numerics.js"),
        include_str!("page/settings.js"),
        include_str!("page/trainer.js"),
        include_str!("page/frames.js"),
        payload::pack(data, Explorer::MAX_BYTES).unwrap(),
        json!(settings),
    );
    in_node(test, &program)
}

/// What `program` prints as JSON.
fn in_node<T: serde::de::DeserializeOwned>(test: &str, program: &str) -> Option<T> {
    let node = Command::new("node").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut node) = node else {
        testing::skip(test, "node is not installed");
        return None;
    };
    node.stdin.take().unwrap().write_all(program.as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "node failed: {}", output.status);
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

const SETTINGS: [(f64, f64); 6] =
    [(1.0, 0.0), (10.0, -1.0), (10.0, 0.3), (100.0, 0.9), (100.0, -0.4), (700.0, 0.5)];

/// Compares page and reference over all frames and settings.
fn agree(test: &str, data: &ExplorerData, tolerance: f64) {
    for (numerics, name) in [(Numerics::Exact, "exact"), (Numerics::Paper, "paper")] {
        let Some(losses) = losses_in_page(test, data, &SETTINGS, name) else { return };
        let settings = data.frames.iter().flat_map(|frame| SETTINGS.map(|setting| (frame, setting)));
        assert_eq!(losses.len(), data.frames.len() * SETTINGS.len());
        for ((frame, (t, bias)), got) in settings.zip(losses) {
            let expected = reference(&frame.vectors, t, bias, numerics);
            assert!(
                (got - expected).abs() <= tolerance * expected + 1e-7,
                "{name}, epoch {}, t = {t}, b_rel = {bias}: {got}, expected {expected}",
                frame.epoch
            );
        }
    }
}

#[test]
fn the_page_computes_the_loss_from_vectors() {
    let test = "the_page_computes_the_loss_from_vectors";
    agree(test, &data((2, 20, 3), 3), 1e-4);
    agree(test, &data((3, 12, 5), 3), 1e-4);
}

#[test]
fn the_page_computes_the_loss_from_rounded_vectors() {
    // So many frames that all but the last are shipped as 16-bit integers.
    let data = data((2, 60, 10), 80);
    assert!(payload_of(&data)["frames"]["vectors"][0]["i16"].is_string());
    agree("the_page_computes_the_loss_from_rounded_vectors", &data, 5e-3);
}

#[test]
fn the_page_computes_the_loss_from_groups() {
    let data = data((2, 300, 4), 2);
    assert_eq!(payload_of(&data)["frames"]["kind"], "sketches");
    agree("the_page_computes_the_loss_from_groups", &data, 1e-2);
}
