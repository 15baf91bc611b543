//! Draws every kind of figure from made-up data, and the extreme cases of each, to look at:
//! `cargo run --example gallery -- FOLDER`.

use figures::{
    Colour, DotPanel, Dots, Figure, HeatMap, Histogram, Panel, Picture, Result, Scale, Series, dots,
    heat_map, histograms, pictures, plot, sphere,
};
use ndarray::Array2;

type Draw = fn() -> Result<Figure>;

const FIGURES: [(&str, Draw); 18] = [
    ("sphere", constellation),
    ("histogram", || similarities("N = 20, d = 3", 1, &[("", 20, 0.0, 0.012)])),
    ("histograms_1x5", five_histograms),
    ("histograms_2x2", four_histograms),
    ("histograms_2x3", six_histograms),
    ("losses", losses),
    ("losses_1x5", five_losses),
    ("band", band),
    ("bands", bands),
    ("margins", margins),
    ("similarities", band_between),
    ("trajectories", trajectories),
    ("finals", finals),
    ("table", table),
    ("landscape", landscape),
    ("retrieval", retrieval),
    ("extreme_histograms", extreme_histograms),
    ("extreme_curves", extreme_curves),
];

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: gallery FOLDER")?;
    for (name, draw) in FIGURES {
        let start = std::time::Instant::now();
        let figure = draw()?;
        figure.save(format!("{folder}/{name}.png"))?;
        let (width, height, size) = (figure.width, figure.height, figure.png.len() / 1000);
        println!("{name}: {width} x {height}, {size} kB, {:.0?}", start.elapsed());
    }
    Ok(())
}

/// Made-up numbers, the same at each call.
struct Noise(u64);

impl Noise {
    /// Between -1 and 1.
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    /// Roughly normal, of variance 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() / 2.0
    }
}

fn map(x: &[f64], f: impl FnMut(&f64) -> f64) -> Vec<f64> {
    x.iter().map(f).collect()
}

/// `count` equidistant values from `from` to `to`.
fn spread(from: f64, to: f64, count: usize) -> Vec<f64> {
    (0..count).map(|k| from + (to - from) * k as f64 / (count - 1) as f64).collect()
}

/// Two parallel circles, 90 degrees apart, as gradient descent finds them.
fn constellation() -> Result<Figure> {
    let circle = |side: f32| {
        let axis = [0.53_f32, -0.73, 0.43];
        let axis = axis.map(|x| x / axis.iter().map(|x| x * x).sum::<f32>().sqrt());
        let across = [axis[1] / axis[0].hypot(axis[1]), -axis[0] / axis[0].hypot(axis[1]), 0.0];
        let up = [
            axis[1] * across[2] - axis[2] * across[1],
            axis[2] * across[0] - axis[0] * across[2],
            axis[0] * across[1] - axis[1] * across[0],
        ];
        Array2::from_shape_fn((20, 3), |(k, c)| {
            let angle = k as f32 / 20.0 * std::f32::consts::TAU;
            (side * axis[c] + angle.cos() * across[c] + angle.sin() * up[c]) / 2_f32.sqrt()
        })
    };
    sphere("(m, b_rel)-Constellation Found Via Gradient Descent", circle(-1.0).view(), circle(1.0).view())
}

/// Histograms of made-up constellations: title, pairs, relative bias, margin of each.
fn similarities(title: &str, columns: usize, panels: &[(&str, usize, f64, f64)]) -> Result<Figure> {
    let mut noise = Noise(5);
    let panel = |(title, pairs, b_rel, margin): &(&str, usize, f64, f64)| {
        let mut beyond = |start: f64, deviation: f64| (start + deviation * noise.normal().abs()) as f32;
        let matching: Vec<f32> = (0..*pairs).map(|_| beyond(b_rel + margin, 0.02)).collect();
        let others: Vec<f32> = (0..pairs * (pairs - 1)).map(|_| beyond(b_rel - margin, -0.25)).collect();
        Ok(Histogram::new(title, &matching, &others)?.threshold(*b_rel).gap(b_rel - margin, b_rel + margin))
    };
    histograms(title, columns, &panels.iter().map(panel).collect::<Result<Vec<_>>>()?)
}

fn five_histograms() -> Result<Figure> {
    let panels = [
        ("b_rel = -1", 100, -0.7, 0.1),
        ("b_rel = -0.5", 100, -0.4, 0.12),
        ("b_rel = 0", 100, 0.0, 0.14),
        ("b_rel = 0.5", 100, 0.3, 0.16),
        ("b_rel = 1", 100, 0.7, 0.2),
    ];
    similarities("Inner products with a trained temperature, starting from t = 10", 5, &panels)
}

fn four_histograms() -> Result<Figure> {
    let panels = ["M = 4", "M = 6", "M = 8", "M = 10"].map(|title| (title, 80, 0.6, 0.2));
    similarities("Inner products of all pairs of modalities", 2, &panels)
}

fn six_histograms() -> Result<Figure> {
    let panels = [
        "fixed t = 200, b = 0",
        "fixed t = 10, b = 0",
        "with an explicit adapter",
        "absolute bias",
        "relative bias",
        "adapter removed: ⟨δU_{i}, δV_{j}⟩ / δ^{2}",
    ];
    similarities("Inner products with a locked modality", 3, &panels.map(|title| (title, 60, 0.3, 0.1)))
}

/// A noisy loss with a few spikes.
fn decay(seed: u64, start: f64, end: f64) -> Vec<f64> {
    let mut noise = Noise(seed);
    let fall = |k: usize| start * ((end / start).ln() * (k as f64 / 10_000.0).sqrt()).exp();
    let spike = |k: usize| if k as u64 % 2917 == 500 + seed * 300 { start / 9.0 } else { 0.0 };
    (0..10_000).map(|k| fall(k) * (1.0 + 0.02 * noise.normal()) + spike(k)).collect()
}

fn losses() -> Result<Figure> {
    let ends = [
        ("fixed t = 200, b = 0", 5.77),
        ("fixed t = 10, b = 0", 0.82),
        ("with adapter", 2e-5),
        ("absolute bias", 6e-4),
        ("relative bias", 1.1e-5),
    ];
    let series = ends.iter().enumerate();
    let series = series.map(|(k, (label, end))| Series::history(label, &decay(k as u64, 8.0, *end)));
    let title = "Loss with a locked first modality, N = 100, d = 10";
    plot(title, 1, &[Panel::new("epoch", Scale::log("loss"), series.collect())])
}

fn five_losses() -> Result<Figure> {
    let panel = |b: i32| {
        let absolute = Series::history("absolute bias", &decay(1, 9.0, 1e-4));
        let relative = Series::history("relative bias", &decay(2, 2.0, 1e-5));
        let title = format!("b = {b} at the start");
        Panel::new("epoch", Scale::log("loss"), vec![absolute, relative]).titled(&title)
    };
    let title = "Loss from five initial biases, trained as absolute and as relative bias";
    plot(title, 5, &[-10, -5, 0, 5, 10].map(panel))
}

fn band() -> Result<Figure> {
    let mean = map(&spread(0.0, 1.0, 1000), |k| -1.0 - 3.0 * k.sqrt());
    let series = Series::history("mean ± standard deviation", &mean)
        .within(&map(&mean, |v| v - 0.3), &map(&mean, |v| v + 0.2));
    plot("Evolution of ξ over 20 runs, d = 100", 1, &[Panel::new("epoch", "log_{10} ξ", vec![series])])
}

fn bands() -> Result<Figure> {
    let mut noise = Noise(7);
    let mut series = |b: &f64| {
        let rise = |k: &f64| -0.7 + (0.7 + 0.14 * (1.0 + b)) * (1.0 - (-k / 500.0).exp());
        let mean = map(&spread(0.0, 4999.0, 5000), rise);
        let low = map(&mean, |m| m - 0.01 - 0.004 * noise.uniform().abs());
        let high = map(&mean, |m| m + 0.01 + 0.004 * noise.uniform().abs());
        Series::history(&format!("b_rel = {b:.2}"), &mean).within(&low, &high)
    };
    let series = spread(-1.0, 1.0, 10).iter().map(&mut series).collect();
    let title = "Margin during training, mean ± standard deviation of 100 runs";
    plot(title, 1, &[Panel::new("epoch", "margin m", series)])
}

/// Relative biases and margins near the published ones.
fn sweep() -> (Vec<f64>, Vec<f64>) {
    let mut noise = Noise(11);
    let b_rel = spread(-1.0, 1.0, 20);
    let margin = map(&b_rel, |b| 0.15 * (1.0 + b) + 0.004 * noise.normal());
    (b_rel, margin)
}

fn margins() -> Result<Figure> {
    let (b_rel, margin) = sweep();
    let theory = map(&b_rel, |b| (1.0 + b) * 0.7 / 3.3);
    let label = "adapter construction, m = (1 + b_rel)(1 − c) / (3 + c)";
    let series = vec![
        Series::dashed(label, &b_rel, &theory).coloured(Colour::THEORY),
        Series::connected("gradient descent, seed 42", &b_rel, &margin),
    ];
    plot("Margin against the relative bias", 1, &[Panel::new("relative bias b_rel", "margin m", series)])
}

fn band_between() -> Result<Figure> {
    let (b_rel, margin) = sweep();
    let at = |sign: f64| -> Vec<f64> { b_rel.iter().zip(&margin).map(|(b, m)| 0.7 * b + sign * m).collect() };
    let (low, high) = (at(-1.0), at(1.0));
    let series = vec![
        Series::band("between them: 2m wide", &b_rel, &low, &high).coloured(Colour::BAND),
        Series::connected("smallest matching", &b_rel, &high).coloured(Colour::MATCHING),
        Series::connected("largest non-matching", &b_rel, &low).coloured(Colour::NON_MATCHING),
    ];
    let title = "Smallest matching and largest non-matching similarity";
    plot(title, 1, &[Panel::new("relative bias b_rel", "similarity", series)])
}

fn trajectories() -> Result<Figure> {
    let series = |b: &f64| {
        let part = map(&spread(0.0, 7.0, 5000), |k| 1.0 - (-k).exp());
        let x = map(&part, |p| 0.1 + p * (b - 0.1) + 0.02 * (p * 9.0).sin());
        let y = map(&part, |p| -0.8 + p * (0.8 + 0.14 * (1.0 + b)));
        Series::trajectory(&format!("b_rel = {b:.2}"), &x, &y)
    };
    let series = spread(-1.0, 1.0, 10).iter().map(series).collect();
    let title = "Margin against optimal relative bias during training, mean of 100 runs for each b_rel";
    plot(title, 1, &[Panel::new("optimal relative bias", "margin m", series)])
}

fn finals() -> Result<Figure> {
    let mut noise = Noise(13);
    let mut series = |b: &f64| {
        let mut around =
            |centre: f64, deviation: f64| map(&[0.0; 100], |_| centre + deviation * noise.normal());
        let (x, y) = (around(*b, 0.01), around(0.14 * (1.0 + b), 0.006));
        Series::points(&format!("b_rel = {b:.2}"), &x, &y)
    };
    let series = spread(-1.0, 1.0, 10).iter().map(&mut series).collect();
    let title = "Final margin against optimal relative bias, 100 runs for each b_rel";
    plot(title, 1, &[Panel::new("optimal relative bias", "margin m", series)])
}

fn table() -> Result<Figure> {
    let names = [
        "so400m-patch14-384",
        "base-patch16-224",
        "base-patch16-384",
        "large-patch16-256",
        "so400m-patch14-224",
        "base-patch16-256",
        "base-patch16-512",
        "large-patch16-384",
        "emoji, trained here",
    ];
    let margin = [0.069522, 0.062736, 0.064229, 0.069051, 0.069357, 0.064928, 0.064648, 0.067088];
    let b_rel = [0.068046, 0.032245, 0.032364, 0.033200, 0.067152, 0.035503, 0.032415, 0.028706];
    let series = |published: &[f64], own: f64| {
        let published: Vec<Option<f64>> = published.iter().copied().map(Some).chain([None]).collect();
        let own = [&[None; 7][..], &[Some(own * 0.9), Some(own)]].concat();
        vec![Dots::new("published", &published), Dots::new("computed here", &own)]
    };
    let panels = [
        DotPanel::new("(pos − neg) / 2", series(&margin, 0.08)),
        DotPanel::new("(pos + neg) / 2", series(&b_rel, 0.05)),
    ];
    dots("Half the difference and half the sum of the mean similarities", &names, &panels)
}

fn landscape() -> Result<Figure> {
    let softplus = |z: f64| z.max(0.0) + (-z.abs()).exp().ln_1p();
    let loss = |b: f64, t: f64| 0.01 * softplus(-t * (0.4 - b)) + 0.99 * softplus(t * (0.1 - b));
    let (b_rel, log_t) = (spread(-0.99, 0.99, 100), spread(0.02, 2.98, 80));
    let map = HeatMap {
        x: Scale::linear("relative bias b_rel").between(-1.0, 1.0),
        y: Scale::log("inverse temperature t").between(1.0, 1000.0),
        colour: Scale::log("loss").between(1e-9, 10.0),
        values: Array2::from_shape_fn((80, 100), |(row, column)| loss(b_rel[column], 10f64.powf(log_t[row]))),
        path: spread(0.0, 1.0, 100).iter().map(|s| (0.25 * s.sqrt(), 10.0 * 60f64.powf(s * s))).collect(),
        curves: Vec::new(),
    };
    heat_map("Loss over temperature and relative bias, and the path of training", &map)
}

fn retrieval() -> Result<Figure> {
    let names = ["grinning face", "person shrugging: medium-light skin tone", "red heart", "owl", "ice"];
    let picture = |name: &&str| {
        let shade = |k: usize| {
            let (x, y) = (k % 72, k / 72);
            let inside = x.abs_diff(36).pow(2) + y.abs_diff(36).pow(2) < 34 * 34;
            if inside { [220, (name.len() * 6) as u8, (x * 3) as u8] } else { [255; 3] }
        };
        let right = (format!("✓ {name}"), Colour::RIGHT);
        let wrong = ("✗ beaming face".to_owned(), Colour::WRONG);
        let captions = vec![((*name).to_owned(), Colour::TEXT), right, wrong];
        Picture { rgb: (0..72 * 72).flat_map(shade).collect(), width: 72, captions }
    };
    pictures("Pictures and their nearest names", 5, &names.iter().map(picture).collect::<Vec<_>>())
}

fn extreme_histograms() -> Result<Figure> {
    let mut noise = Noise(17);
    let others: Vec<f32> = (0..9900).map(|_| (0.2 + 0.1 * noise.normal()) as f32).collect();
    let bell = |centre: f64| -> Vec<u64> {
        (0..2000).map(|k| (5e7 * (-((f64::from(k) - centre) / 30.0).powi(2)).exp()) as u64).collect()
    };
    let panels = [
        Histogram::new("all matching equal", &[0.789; 100], &others)?,
        Histogram::new("one value", &[0.5], &[])?,
        Histogram::new("nearly equal", &[0.5, 0.500001], &[0.5])?,
        Histogram::from_counts("billions, counted", -1.0, 1.0, &bell(1100.0), &bell(970.0))?,
    ];
    histograms("Extreme histograms", 2, &panels)
}

fn extreme_curves() -> Result<Figure> {
    let tiny = map(&spread(0.0, 1999.0, 2000), |k| if *k > 1500.0 { 0.0 } else { 1e-9 * (-k / 220.0).exp() });
    let panels = [
        Panel::new("epoch", Scale::log("loss"), vec![Series::history("tiny, then zero", &tiny)])
            .titled("losses of 10^{-12} and 0"),
        Panel::new("epoch", "t", vec![Series::history("constant", &[100.0; 500])]).titled("a constant"),
        Panel::new("x", "y", vec![Series::points("point", &[0.0], &[0.0])]).titled("one point"),
        Panel::new("epoch", Scale::log("t"), vec![Series::history("short", &[10.0, 12.0, 17.0, 23.0])])
            .titled("less than a decade"),
    ];
    let title = "Extreme curves, under a title so long that it has to be broken into several lines to stay \
                 inside the picture";
    plot(title, 2, &panels)
}
