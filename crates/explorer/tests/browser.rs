//! The explorer in a real browser (`browser/explorer.py`), skipped where there is none.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use constellation::geometry::Similarities;
use constellation::{Bias, BiasKind, Experiment, Run, Settings};
use explorer::{Explorer, ExplorerData, write_front};
use serde_json::json;
use testing::PLAYWRIGHT;

#[test]
fn explorers_work_in_a_browser() {
    let test = "explorers_work_in_a_browser";
    let Some(python) = testing::python(test, &PLAYWRIGHT) else { return };
    let folder = tempfile::tempdir().unwrap();
    write_pages(folder.path());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/explorer.py");
    let mut command = Command::new(python);
    command.arg(script).arg(folder.path());
    if let Some(screenshots) = env::var_os("SIGLIP_SCREENSHOTS") {
        fs::create_dir_all(&screenshots).unwrap();
        command.arg(screenshots);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.code() == Some(77) {
        return testing::skip(test, said.trim()); // the script's way to say that there is no browser
    }
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

fn write_pages(folder: &Path) {
    let train = |json: &str| Experiment::from_json(json).unwrap().train().unwrap();
    let sphere = train(r#"{"pairs": 20, "dim": 3, "epochs": 2000}"#);
    let high = train(r#"{"pairs": 30, "dim": 10, "epochs": 500, "bias": {"trainable": true}}"#);
    let large = train(r#"{"pairs": 250, "dim": 10, "epochs": 10}"#);
    let without_snapshots = Settings { snapshots: 0, ..Settings::default() };
    let tiny = Experiment::from_json(r#"{"pairs": 2, "dim": 1, "epochs": 1}"#).unwrap();
    let tiny = tiny.train_with(without_snapshots, &mut |_| ()).unwrap();
    let explorer = |run: &Run| Explorer::new(&ExplorerData::of(run, Vec::new())).unwrap();
    for (name, run) in [("tiny", &tiny), ("sphere", &sphere), ("high", &high), ("large", &large)] {
        explorer(run).save(folder.join(format!("{name}.html"))).unwrap();
    }
    fs::write(folder.join("two.html"), explorer(&sphere).html().repeat(2)).unwrap();
    // The first one has to wait for the engine that the second one brings.
    let poor = ExplorerData { brings_engine: false, ..ExplorerData::of(&sphere, Vec::new()) };
    let poor = Explorer::new(&poor).unwrap();
    fs::write(folder.join("shared.html"), poor.html().to_owned() + explorer(&sphere).html()).unwrap();
    write_front(folder.join("front.html"), &[], None, PICTURE.to_vec()).unwrap();
    fs::write(folder.join("native.json"), native_numbers()).unwrap();
    fs::write(folder.join("sphere.json"), similarities(&sphere)).unwrap();
}

/// A PNG of one pixel.
const PICTURE: &[u8] = &[
    137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0, 58,
    126, 155, 85, 0, 0, 0, 10, 73, 68, 65, 84, 120, 156, 99, 96, 0, 0, 0, 2, 0, 1, 72, 175, 164, 113, 0, 0,
    0, 0, 73, 69, 78, 68, 174, 66, 96, 130,
];

/// BasicExperiment, AblationStudy at b_rel = 0 and the relative runs of BiasParamLeadsToZeroRB: the
/// t that was published, and what the native engine ends at.
fn native_numbers() -> String {
    let basic = Experiment { pairs: 20, dim: 3, ..Experiment::default() };
    let ablation = Experiment { skip: 4, ..Experiment::default() };
    let relative = [37.822, 45.479, 51.604, 56.804, 50.937].into_iter().enumerate().map(|(k, t)| {
        let bias = Bias::trained(BiasKind::Relative, k as f64 / 2.0 - 1.0);
        (Experiment { skip: 2 * k, bias, ..Experiment::default() }, t)
    });
    let numbers =
        [(basic, 950.98), (ablation, 74.570)].into_iter().chain(relative).map(|(experiment, published)| {
            let run = experiment.train_with(Settings::default(), &mut |_| ()).unwrap();
            json!({"experiment": experiment, "published": published, "temperature": run.temperature(),
            "relative_bias": run.relative_bias(), "margin": run.margin()})
        });
    serde_json::Value::from_iter(numbers).to_string()
}

fn similarities(run: &Run) -> String {
    let Similarities { matching, non_matching } = Similarities::of(run.embeddings()).unwrap();
    let (temperature, relative_bias) = (run.temperature(), run.relative_bias());
    json!({"matching": matching, "non_matching": non_matching, "temperature": temperature, "relative_bias": relative_bias})
        .to_string()
}
