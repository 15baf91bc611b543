//! Properties of finished figures.

use ndarray::{Array2, array};
use proptest::prelude::*;

use super::*;

/// The picture of a figure, pixel by pixel.
fn pixels(figure: &Figure) -> Vec<Colour> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(&figure.png));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().unwrap();
    let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut rgb).unwrap();
    assert_eq!((info.width, info.height), (figure.width, figure.height));
    rgb.chunks_exact(3).map(|pixel| Colour(pixel[0], pixel[1], pixel[2])).collect()
}

/// Bounds (left, top, right, bottom) of the pixels near `colour` in the panel of a
/// one-panel figure.
fn extent_of(figure: &Figure, colour: Colour) -> Option<(usize, usize, usize, usize)> {
    let width = figure.width as usize;
    let near = |other: &Colour| {
        [(colour.0, other.0), (colour.1, other.1), (colour.2, other.2)]
            .iter()
            .all(|(a, b)| a.abs_diff(*b) < 24)
    };
    let pixels = pixels(figure);
    let legend = 100 * width;
    let places = (legend..pixels.len()).filter(|&k| near(&pixels[k])).map(|k| (k % width, k / width));
    places.fold(None, |bounds, (x, y)| {
        let (left, top, right, bottom) = bounds.unwrap_or((x, y, x, y));
        Some((left.min(x), top.min(y), right.max(x), bottom.max(y)))
    })
}

#[test]
fn equal_data_give_equal_bytes() {
    let draw = || {
        let series = Series::history("loss", &[1.0, 0.5, 0.25]);
        plot("A loss", 1, &[Panel::new("epoch", Scale::log("loss"), vec![series])]).unwrap()
    };
    assert_eq!(draw(), draw());
}

#[test]
fn a_single_spike_in_a_long_curve_is_drawn_to_its_tip() {
    let mut values = vec![0.0; 10_000];
    values[5_003] = 1.0;
    let series = Series::history("spike", &values).coloured(Colour::WRONG);
    let figure = plot("A spike", 1, &[Panel::new("epoch", "value", vec![series])]).unwrap();
    let (_, top, _, bottom) = extent_of(&figure, Colour::WRONG).unwrap();
    assert!(bottom - top > 400, "the curve is {} pixels high", bottom - top);
}

#[test]
fn a_class_of_equal_values_is_one_bar() {
    let others: Vec<f32> = (0..100).map(|k| k as f32 / 200.0).collect();
    let histogram = Histogram::new("", &[0.789; 100], &others).unwrap();
    let figure = histograms("Equal values", 1, &[histogram]).unwrap();
    let (left, _, right, _) = extent_of(&figure, Colour::MATCHING).unwrap();
    assert!((5..40).contains(&(right - left)), "the bar is {} pixels wide", right - left);
}

#[test]
fn a_sphere_shows_both_families_inside_its_page() {
    let u = array![[1.0_f32, 0.0, 0.0], [0.0, -1.0, 0.0]];
    let v = array![[0.0_f32, 0.0, 1.0], [0.6, -0.8, 0.0]];
    let figure = sphere("Two pairs", u.view(), v.view()).unwrap();
    for colour in [Colour::MATCHING, Colour::NON_MATCHING] {
        assert!(extent_of(&figure, colour).is_some());
    }
}

#[test]
fn five_noisy_histories_fit_into_a_notebook() {
    let mut state = 1_u64;
    let mut noise = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as f64 / (1_u64 << 31) as f64
    };
    let mut history = || (0..10_000).map(|_| noise()).collect::<Vec<_>>();
    let series = (0..5).map(|k| Series::history(&format!("run {k}"), &history())).collect();
    let figure = plot("Noise", 1, &[Panel::new("epoch", Scale::log("loss"), series)]).unwrap();
    assert!(figure.png.len() <= 150_000, "{} bytes", figure.png.len());
}

#[test]
fn errors_say_what_and_where() {
    let nan = plot("", 1, &[Panel::new("x", "y", vec![Series::history("loss", &[1.0, f64::NAN])])]);
    let uneven = plot("", 1, &[Panel::new("x", "y", vec![Series::line("a", &[1.0, 2.0], &[1.0])])]);
    let negative = plot("", 1, &[Panel::new("x", Scale::log("t"), vec![Series::history("t", &[-2.0])])]);
    let narrow = plot("", 60, &vec![Panel::new("x", "y", vec![Series::history("", &[1.0])]); 60]);
    let long = plot("", 1, &vec![Panel::new("x", "y", vec![Series::history("", &[1.0])]); 60]);
    let empty = Histogram::new("no pairs", &[], &[]).map(|_| ());
    let infinite = Histogram::new("", &[0.1, f32::INFINITY], &[]).map(|_| ());
    let flat = sphere("", Array2::ones((2, 2)).view(), Array2::ones((2, 2)).view());
    let long_rows = sphere("", Array2::ones((2, 3)).view(), Array2::ones((2, 3)).view());
    let figures = [(nan, "value 1 is NaN"), (uneven, "2 values of x, 1 of y"), (negative, "value -2")];
    let layouts = [(narrow, "fewer columns"), (long, "several figures")];
    let spheres = [(flat, "[pairs, 3]"), (long_rows, "row 0 has norm 1.73")];
    for (result, part) in figures.into_iter().chain(layouts).chain(spheres) {
        let message = result.unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
    for (result, part) in [(empty, "no pairs"), (infinite, "value 1 is inf")] {
        let message = result.unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_saved_figure_replaces_the_one_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs/figure.png");
    for values in [[1.0, 2.0], [2.0, 1.0]] {
        let series = Series::history("value", &values);
        let figure = plot("", 1, &[Panel::new("x", "y", vec![series])]).unwrap();
        figure.save(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), figure.png);
    }
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

/// Any number at all: ordinary, tiny, huge, infinite or not a number.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![30 => -10.0..10.0, 1 => prop::num::f64::ANY, 2 => Just(0.0), 1 => Just(1e-310), 1 => Just(1e90)]
}

fn scale() -> impl Strategy<Value = Scale> {
    (any::<bool>(), prop::option::weighted(0.2, (number(), number()))).prop_map(|(log, range)| {
        let transform = if log { Transform::Log } else { Transform::Linear };
        Scale { label: "quantity".to_owned(), transform, range }
    })
}

fn series() -> impl Strategy<Value = Series> {
    (0..7, prop::collection::vec([number(), number(), number()], 1..6)).prop_map(|(shape, values)| {
        let [x, y, z] = [0, 1, 2].map(|k| values.iter().map(|value| value[k]).collect::<Vec<f64>>());
        match shape {
            0 => Series::line("line", &x, &y),
            1 => Series::dashed("dashed", &x, &y),
            2 => Series::points("points", &x, &y),
            3 => Series::connected("connected", &x, &y),
            4 => Series::trajectory("trajectory", &x, &y),
            5 => Series::history("band", &x).within(&y, &z),
            _ => Series::band("band", &x, &y, &z),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    // That these return at all is the property.
    #[test]
    fn any_numbers_give_a_plot_or_an_error(
        panels in prop::collection::vec((scale(), scale(), prop::collection::vec(series(), 0..3)), 1..4),
        columns in 0..4_usize,
    ) {
        let panels: Vec<Panel> = panels.into_iter().map(|(x, y, series)| Panel::new(x, y, series)).collect();
        let _ = plot("Any numbers", columns, &panels);
    }

    #[test]
    fn any_numbers_give_a_histogram_or_an_error(
        matching in prop::collection::vec(number().prop_map(|x| x as f32), 0..6),
        others in prop::collection::vec(number().prop_map(|x| x as f32), 0..6),
        (relative_bias, from, to) in (number(), number(), number()),
    ) {
        if let Ok(histogram) = Histogram::new("", &matching, &others) {
            let marked = histogram.clone().threshold(relative_bias).gap(from, to);
            prop_assert!(histograms("Any numbers", 1, &[histogram]).is_ok());
            let _ = histograms("Any numbers", 1, &[marked]);
        }
    }

    #[test]
    fn any_numbers_give_dots_and_a_heat_map_or_an_error(
        (x, y, colour) in (scale(), scale(), scale()),
        values in prop::collection::vec(number(), 4),
    ) {
        let dotted: Vec<Option<f64>> = values.iter().map(|value| (*value != 0.0).then_some(*value)).collect();
        let panel = DotPanel::new(x.clone(), vec![Dots::new("values", &dotted)]);
        let _ = dots("Any numbers", &["a", "b", "c", "d"], &[panel]);
        let path = vec![(values[0], values[1]), (values[2], values[3])];
        let values = Array2::from_shape_vec((2, 2), values).unwrap();
        let _ = heat_map("Any numbers", &HeatMap { x, y, colour, values, curves: vec![path.clone()], path });
    }
}
