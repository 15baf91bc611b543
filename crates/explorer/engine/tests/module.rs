//! The module that the page contains, in node: it is that of the sources, and its numbers are those
//! of the native engine and of the paper.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use constellation::{Bias, BiasKind, Experiment, Numerics, Settings, Temperature, Training};
use serde_json::{Value, json};

/// What the module, driven by the page's own code, makes of `experiments`: for each
/// `{vectors, temperature, relativeBias, loss, margin}`, the last two those of the last step, or `{error}`.
fn in_node(test: &str, experiments: &[Value]) -> Option<Vec<Value>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/page");
    let program = format!(
        "{}\nconst packed = require('fs').readFileSync({});\n\
         const module = new WebAssembly.Module(require('zlib').inflateSync(packed));\n{}\n\
         console.log(JSON.stringify({}.map(finalOf)));",
        include_str!("../../src/page/trainer.js"),
        json!(page.join("engine.wasm.zlib")),
        "function finalOf(experiment) {
            try {
                const trainer = makeTrainer(module, experiment);
                trainer.advance(experiment.epochs);
                const { loss, margin } = trainer.history();
                const { vectors, ...frame } = trainer.frame();
                return { ...frame, vectors: [...vectors], loss: loss.at(-1), margin: margin.at(-1) };
            } catch (error) {
                return { error: error.message };
            }
        }",
        json!(experiments),
    );
    let Ok(mut node) = Command::new("node").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() else {
        testing::skip(test, "node is not installed");
        return None;
    };
    node.stdin.take().unwrap().write_all(program.as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "node failed: {}", output.status);
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn described(experiments: &[Experiment]) -> Vec<Value> {
    experiments.iter().map(|experiment| serde_json::to_value(experiment).unwrap()).collect()
}

/// As far apart as numbers may be that differ in the order of float32 sums only.
fn assert_close(got: &Value, expected: f64, tolerance: f64, what: &str) {
    let got = got.as_f64().unwrap();
    assert!(
        (got - expected).abs() <= tolerance * expected.abs().max(1.0),
        "{what}: {got}, expected {expected}"
    );
}

/// Twenty descriptions in which every key has several values, few enough steps that rounding stays small.
fn twenty() -> Vec<Experiment> {
    let kinds = [BiasKind::Relative, BiasKind::Absolute];
    let of = |k: usize| Experiment {
        pairs: [2, 3, 9, 20, 33, 100][k % 6],
        dim: [3, 1, 10, 17][k % 4],
        modalities: [2, 2, 3, 5][k / 3 % 4],
        epochs: 40 + k,
        seed: [50, 0, 1 << 40][k % 3],
        learning_rate: [0.01, 0.003][k / 2 % 2],
        temperature: Temperature {
            trainable: !k.is_multiple_of(5),
            ..Temperature::trained([10.0, 1.0, 40.0][k % 3])
        },
        bias: Bias {
            kind: kinds[k / 2 % 2],
            init: [0.0, -0.5, 0.3][k / 3 % 3],
            trainable: !k.is_multiple_of(3),
        },
        locked: k % 4 == 1,
        adapter: (k == 1 || k == 13).then_some(0.5),
        skip: k % 7,
        numerics: if k.is_multiple_of(2) { Numerics::Paper } else { Numerics::Exact },
        ..Experiment::default()
    };
    (0..20).map(of).collect()
}

#[test]
fn the_module_is_that_of_the_sources() {
    let experiments = twenty();
    let Some(results) = in_node("the_module_is_that_of_the_sources", &described(&experiments)) else {
        return;
    };
    for (experiment, result) in experiments.iter().zip(results) {
        let mut training = Training::start(experiment, Settings::default()).unwrap();
        while training.advance(experiment.epochs).unwrap() > 0 {}
        let run = training.finish(0.0).unwrap();
        let what = format!("{experiment:?}");
        let vectors = result["vectors"].as_array().unwrap_or_else(|| panic!("{what}: {result}"));
        assert_eq!(vectors.len(), run.embeddings().len(), "{what}");
        for (got, &expected) in vectors.iter().zip(run.embeddings()) {
            assert_close(got, expected.into(), 2e-3, &what);
        }
        assert_close(&result["temperature"], run.temperature(), 1e-4, &what);
        assert_close(&result["relativeBias"], run.relative_bias(), 1e-4, &what);
        assert_close(&result["loss"], run.loss(), 1e-4, &what);
    }
}

#[test]
fn the_module_names_the_key_that_is_wrong() {
    let wrong = [json!({"pears": 3}), json!({"temperature": {"init": -1}}), json!({"seed": "many"})];
    let wrong = wrong.map(|mut wrong| {
        wrong["epochs"] = json!(1);
        wrong
    });
    let Some(results) = in_node("the_module_names_the_key_that_is_wrong", &wrong) else { return };
    for (result, key) in results.iter().zip(["pears", "temperature.init", "seed"]) {
        assert!(result["error"].as_str().unwrap().contains(key), "{result}");
    }
}

/// BasicExperiment, AblationStudy at b_rel = 0, and the relative runs of BiasParamLeadsToZeroRB.
#[test]
fn the_module_meets_the_published_numbers() {
    let basic = Experiment { pairs: 20, dim: 3, ..Experiment::default() };
    let ablation = Experiment { skip: 4, ..Experiment::default() };
    let mut published = vec![(basic, 950.98), (ablation, 74.570)];
    let relative = [(-1.0, 37.822), (-0.5, 45.479), (0.0, 51.604), (0.5, 56.804), (1.0, 50.937)];
    published.extend(relative.into_iter().enumerate().map(|(k, (init, t))| {
        let bias = Bias::trained(BiasKind::Relative, init);
        (Experiment { skip: 2 * k, bias, ..Experiment::default() }, t)
    }));
    let experiments: Vec<Experiment> = published.iter().map(|(experiment, _)| experiment.clone()).collect();
    let Some(results) = in_node("the_module_meets_the_published_numbers", &described(&experiments)) else {
        return;
    };
    for ((experiment, t), result) in published.iter().zip(&results) {
        let run = experiment.train_with(Settings::default(), &mut |_| ()).unwrap();
        let what = format!("{experiment:?}");
        assert_close(&result["temperature"], *t, 1e-3, &what);
        assert_close(&result["temperature"], run.temperature(), 1e-3, &what);
        assert_close(&result["relativeBias"], run.relative_bias(), 1e-3, &what);
        assert_close(&result["margin"], run.margin(), 1e-3, &what);
    }
    assert_close(&results[0]["margin"], 0.012, 1e-3, "margin of BasicExperiment");
}
