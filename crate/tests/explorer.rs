//! The explorer in a real browser (`browser/explorer.py`), skipped where there is none.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::json;
use siglip_core::explorer::{Explorer, explore};
use siglip_core::geometry::Similarities;
use siglip_core::{Experiment, Run, Settings};

#[test]
fn explorers_work_in_a_browser() {
    let Some(python) = python_with_playwright() else {
        eprintln!("skipped: no Python with Playwright; `pip install playwright` and a Chromium make it run");
        return;
    };
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
    eprint!("{said}");
    // 77 is the script's way to say that there is no browser.
    let passed = output.status.success() || output.status.code() == Some(77);
    assert!(passed, "{said}{}", String::from_utf8_lossy(&output.stderr));
}

fn write_pages(folder: &Path) {
    let train = |json: &str| Experiment::from_json(json).unwrap().train().unwrap();
    let sphere = train(r#"{"pairs": 20, "dim": 3, "epochs": 2000}"#);
    let high = train(r#"{"pairs": 30, "dim": 10, "epochs": 500, "bias": {"trainable": true}}"#);
    let large = train(r#"{"pairs": 250, "dim": 10, "epochs": 10}"#);
    let without_snapshots = Settings { snapshots: 0, ..Settings::default() };
    let tiny = Experiment::from_json(r#"{"pairs": 2, "dim": 1, "epochs": 1}"#).unwrap();
    let tiny = tiny.train_with(without_snapshots, &mut |_| ()).unwrap();
    explore(&tiny).unwrap().save(folder.join("tiny.html")).unwrap();
    explore(&sphere).unwrap().save(folder.join("sphere.html")).unwrap();
    explore(&high).unwrap().save(folder.join("high.html")).unwrap();
    explore(&large).unwrap().save(folder.join("large.html")).unwrap();
    let explorer: Explorer = explore(&sphere).unwrap();
    fs::write(folder.join("two.html"), explorer.html().repeat(2)).unwrap();
    fs::write(folder.join("sphere.json"), similarities(&sphere)).unwrap();
}

fn similarities(run: &Run) -> String {
    let Similarities { matching, non_matching } = Similarities::of(run.embeddings()).unwrap();
    let (temperature, relative_bias) = (run.temperature(), run.relative_bias());
    json!({"matching": matching, "non_matching": non_matching, "temperature": temperature, "relative_bias": relative_bias})
        .to_string()
}

/// `SIGLIP_PYTHON`, libtorch's environment or `.venv-browser`, whichever has Playwright.
fn python_with_playwright() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let libtorch = Path::new(env!("SIGLIP_LIBTORCH")).canonicalize().ok();
    let of_libtorch = libtorch.as_deref().and_then(|libtorch| libtorch.ancestors().nth(4));
    let environments = of_libtorch.into_iter().map(Path::to_owned).chain([root.join(".venv-browser")]);
    let named = env::var_os("SIGLIP_PYTHON").map(PathBuf::from);
    named.into_iter().chain(environments.map(|folder| folder.join("bin/python3"))).find(|python| {
        let mut import = Command::new(python);
        import.args(["-c", "import playwright"]).output().is_ok_and(|output| output.status.success())
    })
}
