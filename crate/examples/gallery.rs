//! Draws every kind of figure, from made-up data, and the extreme cases of each:
//! `cargo run --example gallery -- FOLDER`.

use ndarray::Array2;
use siglip_core::figures::{Axis, Colour, Figure, Histogram, Panel, Series, histograms, plot, sphere};

type Figures = Vec<(&'static str, siglip_core::Result<Figure>)>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: gallery FOLDER")?;
    for (name, figure) in [spheres(), separations(), losses(), margins(), extremes()].concat_figures() {
        let start = std::time::Instant::now();
        let figure = figure?;
        figure.save(format!("{folder}/{name}.png"))?;
        let (width, height, size) = (figure.width, figure.height, figure.png.len() / 1000);
        println!("{name}: {width} x {height}, {size} kB, saved in {:?}", start.elapsed());
    }
    Ok(())
}

trait Concat {
    fn concat_figures(self) -> Figures;
}

impl<const N: usize> Concat for [Figures; N] {
    fn concat_figures(self) -> Figures {
        self.into_iter().flatten().collect()
    }
}

/// Made-up numbers in -1..1, the same at each call.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() / 2.0
    }

    fn values(&mut self, count: usize, mean: f64, deviation: f64) -> Vec<f32> {
        (0..count).map(|_| (mean + deviation * self.normal()) as f32).collect()
    }
}

fn spheres() -> Figures {
    let mut noise = Noise(3);
    let mut u = Array2::from_shape_fn((20, 3), |_| noise.normal() as f32);
    let mut v = Array2::from_shape_fn((20, 3), |_| noise.normal() as f32);
    for mut row in u.rows_mut().into_iter().chain(v.rows_mut()) {
        let norm = row.dot(&row).sqrt();
        row /= norm;
    }
    vec![("basicpicture", sphere("(m, b_rel)-Constellation Found Via Gradient Descent", u.view(), v.view()))]
}

fn separations() -> Figures {
    let mut noise = Noise(5);
    let mut panel = |title: &str, pairs: usize, b_rel: f64, margin: f64| {
        let matching: Vec<f32> = noise.values(pairs, 0.0, 0.02);
        let matching: Vec<f32> = matching.iter().map(|s| (b_rel + margin) as f32 + s.abs()).collect();
        let other = noise.values(pairs * (pairs - 1), 0.0, 0.3);
        let other: Vec<f32> = other.iter().map(|s| (b_rel - margin) as f32 - s.abs()).collect();
        Histogram::new(title, &matching, &other).map(|panel| panel.constellation(b_rel, margin))
    };
    let single = panel("", 20, 0.0, 0.012).and_then(|panel| {
        histograms("Inner products of matching and non-matching pairs, N = 20, d = 3", 1, &[panel])
    });
    let five = |panel: &mut dyn FnMut(&str, usize, f64, f64) -> siglip_core::Result<Histogram>| {
        let panels: siglip_core::Result<Vec<_>> = [-1.0, -0.5, 0.0, 0.5, 1.0]
            .iter()
            .map(|b_rel| panel(&format!("b_rel = {b_rel}"), 100, b_rel * 0.7, 0.12))
            .collect();
        histograms("Inner products with a trained temperature, starting from t = 10", 5, &panels?)
    };
    let grid =
        |columns,
         titles: &[&str],
         panel: &mut dyn FnMut(&str, usize, f64, f64) -> siglip_core::Result<Histogram>| {
            let panels: siglip_core::Result<Vec<_>> =
                titles.iter().enumerate().map(|(k, title)| panel(title, 60, 0.1 * k as f64, 0.1)).collect();
            histograms("Inner products of all pairs of modalities", columns, &panels?)
        };
    let five = five(&mut panel);
    let four = grid(2, &["M = 4", "M = 6", "M = 8", "M = 10"], &mut panel);
    let titles = [
        "fixed t = 200, b = 0",
        "fixed t = 10, b = 0",
        "with an explicit adapter",
        "absolute bias",
        "relative bias",
        "adapter removed: ⟨δU_{i}, δV_{j}⟩ / δ^{2}",
    ];
    let six = grid(3, &titles, &mut panel);
    vec![
        ("single_experiment_inner_product_separation", single),
        ("ablationtrainablelargetemperature", five),
        ("46810modalities_ip_separation", four),
        ("frozenmodalities_ip_separation_", six),
    ]
}

fn decay(noise: &mut Noise, start: f64, end: f64, epochs: usize) -> Vec<f64> {
    let rate = (end / start).ln();
    (0..epochs)
        .map(|k| {
            let part = (k as f64 / epochs as f64).sqrt();
            start * (rate * part).exp() * (1.0 + 0.02 * noise.normal())
                + if k % 2917 == 1500 { start / 9.0 } else { 0.0 }
        })
        .collect()
}

fn losses() -> Figures {
    let mut noise = Noise(7);
    let ends = [
        ("fixed t = 200, b = 0", 5.77),
        ("fixed t = 10, b = 0", 0.82),
        ("with adapter", 2e-5),
        ("absolute bias", 6e-4),
        ("relative bias", 1.1e-5),
    ];
    let series =
        ends.iter().map(|(label, end)| Series::history(label, &decay(&mut noise, 8.0, *end, 10_000)));
    let single = plot(
        "Loss with a locked first modality, N = 100, d = 10",
        1,
        &[Panel::new("epoch", Axis::log("loss"), series.collect())],
    );
    let biases = [-10.0, -5.0, 0.0, 5.0, 10.0];
    let loss_panels: Vec<Panel> = biases
        .iter()
        .map(|b| {
            let absolute = Series::history("absolute bias", &decay(&mut noise, 9.0, 1e-4, 10_000));
            let relative = Series::history("relative bias", &decay(&mut noise, 2.0, 1e-5, 10_000));
            Panel::new("epoch", Axis::log("loss"), vec![absolute, relative])
                .titled(&format!("b = {b} at the start"))
        })
        .collect();
    let five =
        plot("Loss from five initial biases, trained as absolute and as relative bias", 5, &loss_panels);
    let epochs: Vec<f64> = (0..1000).map(f64::from).collect();
    let mean: Vec<f64> = epochs.iter().map(|k| -1.0 - 3.0 * (k / 1000.0).sqrt()).collect();
    let low: Vec<f64> = mean.iter().map(|v| v - 0.3).collect();
    let high: Vec<f64> = mean.iter().map(|v| v + 0.2).collect();
    let xi = plot(
        "Evolution of ξ over 20 runs, d = 100",
        1,
        &[Panel::new(
            "epoch",
            "log_{10} ξ",
            vec![Series::line("mean ± standard deviation", &epochs, &mean).within(&low, &high)],
        )],
    );
    vec![
        ("frozen_loss_comparison_", single),
        ("bisavsrelativebias_losses", five),
        ("evolution_of_xi_high_dimension", xi),
    ]
}

fn margins() -> Figures {
    let mut noise = Noise(11);
    let b_rel: Vec<f64> = (0..20).map(|k| -1.0 + f64::from(k) / 9.5).collect();
    let margin: Vec<f64> = b_rel.iter().map(|b| 0.15 * (1.0 + b) + 0.004 * noise.normal()).collect();
    let theory: Vec<f64> = b_rel.iter().map(|b| (1.0 + b) * 0.7 / 3.3).collect();
    let single = plot(
        "Margin against the relative bias",
        1,
        &[Panel::new(
            "relative bias b_rel",
            "margin m",
            vec![
                Series::dashed("adapter construction, m = (1 + b_rel)(1 − c) / (3 + c)", &b_rel, &theory),
                Series::connected("gradient descent, seed 42", &b_rel, &margin),
            ],
        )],
    );
    let min: Vec<f64> = b_rel.iter().zip(&margin).map(|(b, m)| b + m).collect();
    let max: Vec<f64> = b_rel.iter().zip(&margin).map(|(b, m)| b - m).collect();
    let similarities = plot(
        "Smallest matching and largest non-matching similarity",
        1,
        &[Panel::new(
            "relative bias b_rel",
            "similarity",
            vec![
                Series::band("between them: 2m wide", &b_rel, &max, &min).coloured(Colour(0xd8, 0xa0, 0x20)),
                Series::connected("smallest matching", &b_rel, &min).coloured(Colour::MATCHING),
                Series::connected("largest non-matching", &b_rel, &max).coloured(Colour::NON_MATCHING),
                Series::dashed("b_rel", &b_rel, &b_rel).coloured(Colour::THEORY),
            ],
        )],
    );
    let sweep: Vec<f64> = (0..10).map(|k| -1.0 + f64::from(k) / 4.5).collect();
    let paths: Vec<Series> = sweep
        .iter()
        .map(|b| {
            let path: Vec<f64> = (0..5000).map(|k| 1.0 - (-f64::from(k) / 700.0).exp()).collect();
            let x: Vec<f64> = path.iter().map(|p| 0.1 + p * (b - 0.1) + 0.02 * (p * 9.0).sin()).collect();
            let y: Vec<f64> = path.iter().map(|p| -0.8 + p * (0.8 + 0.14 * (1.0 + b))).collect();
            Series::trajectory(&format!("b_rel = {b:.2}"), &x, &y)
        })
        .collect();
    let trajectories = plot(
        "Margin against optimal relative bias during training, mean of 100 runs for each b_rel",
        1,
        &[Panel::new("optimal relative bias", "margin m", paths)],
    );
    let finals: Vec<Series> = sweep
        .iter()
        .map(|b| {
            let x: Vec<f64> = (0..100).map(|_| b + 0.01 * noise.normal()).collect();
            let y: Vec<f64> = (0..100).map(|_| 0.14 * (1.0 + b) + 0.006 * noise.normal()).collect();
            Series::points(&format!("b_rel = {b:.2}"), &x, &y)
        })
        .collect();
    let finals = plot(
        "Final margin against optimal relative bias, 100 runs for each b_rel",
        1,
        &[Panel::new("optimal relative bias", "margin m", finals)],
    );
    let epochs: Vec<f64> = (1..=5000).map(f64::from).collect();
    let bands: Vec<Series> = sweep
        .iter()
        .map(|b| {
            let mean: Vec<f64> =
                epochs.iter().map(|k| -0.7 + (0.7 + 0.14 * (1.0 + b)) * (1.0 - (-k / 500.0).exp())).collect();
            let [low, high] = [-0.02, 0.02]
                .map(|d| mean.iter().map(|m| m + d * (1.0 + noise.uniform().abs())).collect::<Vec<_>>());
            Series::line(&format!("b_rel = {b:.2}"), &epochs, &mean).within(&low, &high)
        })
        .collect();
    let bands = plot(
        "Margin during training, mean ± standard deviation of 100 runs",
        1,
        &[Panel::new("epoch", "margin m", bands)],
    );
    vec![
        ("siglip_margins", single),
        ("siglip_similarities", similarities),
        ("margin_vs_optimal_rb_trajectory", trajectories),
        ("margin_vs_optimal_rb_final", finals),
        ("margin_time_fixed_rb", bands),
    ]
}

fn extremes() -> Figures {
    let mut noise = Noise(13);
    let same = Histogram::new("all matching equal", &[0.789; 100], &noise.values(9900, 0.2, 0.1));
    let one = Histogram::new("one value", &[0.5], &[]);
    let narrow = Histogram::new("nearly equal", &[0.5, 0.500001], &[0.5]);
    let counts: Vec<u64> =
        (0..2000).map(|k| (5e7 * (-((k as f64 - 970.0) / 30.0).powi(2)).exp()) as u64).collect();
    let counted = Histogram::from_counts(
        "50 million pairs, counted",
        -1.0,
        1.0,
        &counts[100..].iter().chain(&[0; 100]).copied().map(|c| c / 1000).collect::<Vec<_>>(),
        &counts,
    );
    let panels: siglip_core::Result<Vec<_>> = [same, one, narrow, counted].into_iter().collect();
    let histogram = panels.and_then(|panels| histograms("Extreme histograms", 2, &panels));
    let tiny: Vec<f64> =
        (0..2000).map(|k| if k > 1500 { 0.0 } else { 1e-9 * (-f64::from(k) / 220.0).exp() }).collect();
    let curves = plot(
        "Extreme curves, under a title so long that it has to be broken into several lines to stay inside the picture",
        2,
        &[
            Panel::new("epoch", Axis::log("loss"), vec![Series::history("tiny losses, then zeros", &tiny)])
                .titled("losses of 1e-12 and 0"),
            Panel::new("epoch", "t", vec![Series::history("constant", &[100.0; 500])]).titled("a constant"),
            Panel::new("x", "y", vec![Series::points("one point", &[0.0], &[0.0])]).titled("one point"),
            Panel::new(
                "epoch (log)",
                Axis::log("t"),
                vec![Series::history("less than a decade", &[10.0, 12.0, 17.0, 23.0])],
            ),
        ],
    );
    vec![("extreme_histograms", histogram), ("extreme_curves", curves)]
}
