//! Separability and the perceptron against scikit-learn and SciPy
//! (`golden/separation.py`), and against their own certificates.

use constellation::geometry::{
    MeanDistances, ModalityGap, Perceptron, PerceptronSettings, Report, Separation, Verdict,
};
use ndarray::{Array2, Axis, arr2, concatenate};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    images: Vec<Vec<f32>>,
    texts: Vec<Vec<f32>>,
    perceptron: GoldenPerceptron,
    margin: Option<f64>,
}

#[derive(Deserialize)]
struct GoldenPerceptron {
    normal: Vec<f64>,
    offset: f64,
    epochs: usize,
    wrong: [usize; 2],
}

fn cases() -> Vec<(Case, Array2<f32>, Array2<f32>)> {
    let golden: Golden = serde_json::from_str(include_str!("golden/separation.json")).unwrap();
    let array =
        |rows: &[Vec<f32>]| Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap();
    golden
        .cases
        .into_iter()
        .map(|case| {
            let (a, b) = (array(&case.images), array(&case.texts));
            (case, a, b)
        })
        .collect()
}

#[test]
fn the_perceptron_is_scikit_learns() {
    for (Case { name, perceptron: expected, .. }, images, texts) in cases() {
        let got = Perceptron::train(images.view(), texts.view(), PerceptronSettings::default()).unwrap();
        assert_eq!(got.epochs, expected.epochs, "{name}");
        assert_eq!([got.misclassified.images, got.misclassified.texts], expected.wrong, "{name}");
        assert!((got.hyperplane.offset - expected.offset).abs() < 1e-9, "{name}: {}", got.hyperplane.offset);
        for (got, expected) in got.hyperplane.normal.iter().zip(&expected.normal) {
            assert!((got - expected).abs() < 1e-9, "{name}: {got}, not {expected}");
        }
    }
}

#[test]
fn the_margin_is_that_of_a_support_vector_machine() {
    for (Case { name, margin, .. }, images, texts) in cases() {
        let got = Separation::of(images.view(), texts.view()).unwrap();
        match margin {
            None => assert_eq!(got.verdict, Verdict::Inseparable, "{name}: {got:?}"),
            Some(margin) => {
                assert_eq!(got.verdict, Verdict::Separable, "{name}: {got:?}");
                // libsvm stops at a violation of 1e-9 relative to a margin of 1.
                assert!(
                    (got.margin_at_least - margin).abs() < 1e-5 * margin,
                    "{name}: {got:?}, not {margin}"
                );
                assert!(got.margin_at_most - got.margin_at_least <= 2e-6 * margin, "{name}: {got:?}");
            }
        }
        check_certificates(&got, &images, &texts);
    }
}

/// Recomputes both bounds from the hyperplane and the convex combinations alone.
fn check_certificates(separation: &Separation, images: &Array2<f32>, texts: &Array2<f32>) {
    let combination = |points: &Array2<f32>, weights: &[(usize, f64)]| {
        assert!(weights.iter().all(|&(_, weight)| weight >= 0.0));
        assert!((weights.iter().map(|&(_, weight)| weight).sum::<f64>() - 1.0).abs() < 1e-12);
        weights
            .iter()
            .fold(ndarray::Array1::zeros(points.ncols()), |sum: ndarray::Array1<f64>, &(row, weight)| {
                sum + weight * points.row(row).mapv(f64::from)
            })
    };
    let difference = combination(texts, &separation.nearest[1]) - combination(images, &separation.nearest[0]);
    let distance = difference.dot(&difference).sqrt();
    assert!((distance / 2.0 - separation.margin_at_most).abs() < 1e-12, "{distance}, {separation:?}");
    if separation.verdict == Verdict::Separable {
        let positions = |points: &Array2<f32>| separation.hyperplane.positions(points.view()).unwrap();
        let nearest_text = positions(texts).into_iter().fold(f64::INFINITY, f64::min);
        let nearest_image = positions(images).into_iter().fold(f64::NEG_INFINITY, f64::max);
        assert!(nearest_text > 0.0 && nearest_image < 0.0);
        assert!((nearest_text.min(-nearest_image) - separation.margin_at_least).abs() < 1e-12);
    }
}

/// Two clouds `[n, dim]` and `[k, dim]` on the sphere, `shift` apart along the first axis.
fn clouds(n: usize, k: usize, dim: usize, shift: f64, seed: u64) -> (Array2<f32>, Array2<f32>) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    let mut cloud = |rows: usize, shift: f64| {
        let mut points = Array2::from_shape_simple_fn((rows, dim), || uniform() + uniform() + uniform());
        points.column_mut(0).mapv_inplace(|x| x + shift);
        for mut row in points.axis_iter_mut(Axis(0)) {
            let norm = row.dot(&row).sqrt();
            row /= norm;
        }
        points.mapv(|x| x as f32)
    };
    (cloud(n, shift / 2.0), cloud(k, -shift / 2.0))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn bounds_meet_and_hold(n in 1usize..400, k in 1usize..60, dim in 1usize..12, shift in 0.0f64..4.0, seed in 0u64..1000) {
        let (images, texts) = clouds(n, k, dim, shift, seed);
        let got = Separation::of(images.view(), texts.view()).unwrap();
        prop_assert_ne!(got.verdict, Verdict::Undecided, "{:?}", got);
        check_certificates(&got, &images, &texts);
        let trained = Perceptron::train(images.view(), texts.view(), PerceptronSettings::default()).unwrap();
        if trained.misclassified.images + trained.misclassified.texts == 0 {
            // Images may lie on the perceptron's hyperplane, so margins of 0 are left out.
            let closest = trained.hyperplane.positions(images.view()).unwrap().into_iter().fold(f64::NEG_INFINITY, f64::max);
            if closest < -1e-6 {
                prop_assert_eq!(got.verdict, Verdict::Separable);
            }
        }
    }

    #[test]
    fn order_and_duplicates_do_not_matter(n in 2usize..60, k in 2usize..20, shift in 0.5f64..4.0, seed in 0u64..1000) {
        let (images, texts) = clouds(n, k, 5, shift, seed);
        let a = Separation::of(images.view(), texts.view()).unwrap();
        let reversed: Vec<usize> = (0..n).rev().collect();
        let images = concatenate![Axis(0), images.select(Axis(0), &reversed), images];
        let b = Separation::of(images.view(), texts.view()).unwrap();
        prop_assert_eq!(a.verdict, b.verdict);
        prop_assert!((a.margin_at_most - b.margin_at_most).abs() < 2e-6, "{:?} {:?}", a, b);
    }

    #[test]
    fn a_shared_point_cannot_be_separated(n in 1usize..40, k in 1usize..20, dim in 1usize..20, seed in 0u64..1000) {
        let (images, texts) = clouds(n, k, dim, 3.0, seed);
        let texts = concatenate![Axis(0), texts, images.select(Axis(0), &[n / 2])];
        let got = Separation::of(images.view(), texts.view()).unwrap();
        prop_assert_eq!(got.verdict, Verdict::Inseparable, "{:?}", got);
        check_certificates(&got, &images, &texts);
    }
}

#[test]
fn what_is_wrong_is_named() {
    let points = arr2(&[[1f32, 0.], [0., 1.]]);
    let bad = arr2(&[[1f32, 0.], [f32::INFINITY, 1.]]);
    let message =
        |a: &Array2<f32>, b: &Array2<f32>| Separation::of(a.view(), b.view()).unwrap_err().to_string();
    assert!(message(&points, &bad).contains("texts: got row 1"));
    assert!(message(&Array2::zeros((0, 2)), &points).contains("[0, 2]"));
    assert!(message(&Array2::zeros((2, 0)), &Array2::zeros((2, 0))).contains("one dimension"));
    assert!(message(&Array2::zeros((2, 3)), &points).contains("[2, 3] and [2, 2]"));
    let plane = Separation::of(points.select(Axis(0), &[0]).view(), points.view()).unwrap().hyperplane;
    assert!(plane.positions(Array2::zeros((2, 3)).view()).is_err());
}

#[test]
fn labelled_distances_are_those_of_repeated_texts() {
    let (images, texts) = clouds(50, 7, 6, 1.0, 3);
    let class_of: Vec<usize> = (0..50).map(|i| i * i % 7).collect();
    let permutation: Vec<usize> = (0..50).map(|i| (i * 3 + 1) % 50).collect();
    let a = MeanDistances::labelled(images.view(), texts.view(), &class_of, &permutation);
    let b = MeanDistances::of(images.view(), texts.select(Axis(0), &class_of).view(), &permutation);
    for (a, b) in [(a.matching, b.matching), (a.centroids, b.centroids), (a.permuted, b.permuted)] {
        assert!((a - b).abs() < 1e-12);
    }
}

#[test]
fn a_report_is_one_json_object() {
    let (images, texts) = clouds(30, 5, 4, 3.0, 1);
    let class_of: Vec<usize> = (0..30).map(|i| i % 5).collect();
    let report = Report::labelled(images.view(), texts.view(), &class_of).unwrap();
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["images"], 30);
    assert_eq!(json["gap"]["separation"]["verdict"], "separable");
    assert_eq!(json["constellation"]["violating_pairs"], report.constellation.violating_pairs);
    assert!(json["matching"]["quantiles"].is_array() && json["image_to_text"]["top_5"].is_number());
    let gap = ModalityGap::of(images.view(), texts.view(), &class_of, 1).unwrap();
    assert_eq!(gap, report.gap);
}
