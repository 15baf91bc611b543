//! Embedded pictures and names as figures and tables: what the notebooks of trained
//! models show.

use std::fmt::Display;

use rayon::prelude::*;

use super::{Spread, spread_of};
use crate::collection::{Collection, Embedded, Part, thousands};
use crate::display::{Table, short};
use crate::figures::{self, Colour, DotPanel, Dots, Figure, Histogram, Panel, Picture, Series};
use crate::geometry::{
    Constellation, Distribution, Hyperplane, LabelledGeometry, ModalityGap, Verdict, theory, xi,
};
use crate::logbook::{Published, Tolerance, published};
use crate::runs::{Ensemble, mean_and_deviation};
use crate::{Result, Run};

/// A row of the study's Table 1: means over ImageNet's validation set, as published.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PublishedModel {
    /// The checkpoint, after `google/siglip-`.
    pub model: &'static str,
    /// Mean similarity of matching pairs.
    pub matching: f64,
    /// Mean similarity of the others.
    pub non_matching: f64,
    /// What the table calls the margin: half the difference of the two means.
    pub half_difference_of_means: f64,
    /// What the table calls the relative bias: half the sum of the two means.
    pub midpoint_of_means: f64,
}

/// Table 1 of arXiv 2509.18552, ascending in model and resolution.
pub const PUBLISHED: [PublishedModel; 8] = [
    row("base-patch16-224", 0.094982, -0.030491, 0.062736, 0.032245),
    row("base-patch16-256", 0.100431, -0.029425, 0.064928, 0.035503),
    row("base-patch16-384", 0.096593, -0.031865, 0.064229, 0.032364),
    row("base-patch16-512", 0.097063, -0.032233, 0.064648, 0.032415),
    row("large-patch16-256", 0.102251, -0.035850, 0.069051, 0.033200),
    row("large-patch16-384", 0.095794, -0.038382, 0.067088, 0.028706),
    row("so400m-patch14-224", 0.136509, -0.002205, 0.069357, 0.067152),
    row("so400m-patch14-384", 0.137568, -0.001476, 0.069522, 0.068046),
];

const fn row(
    model: &'static str,
    matching: f64,
    non_matching: f64,
    half: f64,
    midpoint: f64,
) -> PublishedModel {
    PublishedModel {
        model,
        matching,
        non_matching,
        half_difference_of_means: half,
        midpoint_of_means: midpoint,
    }
}

/// The similarities of all pictures with all names, and b_rel if it is known.
///
/// # Errors
/// [`crate::Error::Figure`] if `relative_bias` is not finite.
pub fn histogram(title: &str, geometry: &LabelledGeometry, relative_bias: Option<f64>) -> Result<Histogram> {
    let (low, high) = (Distribution::LOW, Distribution::HIGH);
    let counts = [&geometry.matching, &geometry.non_matching].map(Distribution::counts);
    let mut histogram = Histogram::from_counts(title, low, high, counts[0], counts[1])?;
    histogram.relative_bias = relative_bias;
    let histogram = histogram.gap(geometry.non_matching.max, geometry.matching.min);
    Ok(histogram.named("similarity", ["picture with its name", "with another name"]))
}

/// Signed distances of pictures and names from a hyperplane, names on the positive side
/// if it separates them.
///
/// # Errors
/// [`crate::Error::Shape`] if the dimensions differ.
pub fn sides(title: &str, part: &Part, hyperplane: &Hyperplane) -> Result<Histogram> {
    let distances = |points| -> Result<Vec<f32>> {
        Ok(hyperplane.positions(points)?.into_iter().map(|distance| distance as f32).collect())
    };
    let pictures = distances(part.embeddings.image.view())?;
    let names = distances(part.embeddings.class_text.view())?;
    let histogram = Histogram::new(title, &pictures, &names)?;
    Ok(histogram.named("signed distance from the hyperplane", ["pictures", "names"]))
}

/// Classes at equal distances from the first to the last: a choice that nobody made.
pub fn evenly_spaced(classes: &[String], count: usize) -> Vec<String> {
    let count = count.min(classes.len());
    (0..count).map(|k| classes[k * classes.len() / count].clone()).collect()
}

/// The first picture of each of these classes, its name, and the three nearest names.
///
/// # Errors
/// As [`Collection::pictures_of`].
pub fn nearest_names(
    title: &str,
    collection: &Collection,
    part: &Part,
    classes: &[String],
    columns: usize,
) -> Result<Figure> {
    let names = &part.embeddings.classes;
    let pictures = collection.pictures_of(classes)?;
    let tiles: Vec<Picture> = pictures
        .into_iter()
        .zip(classes)
        .filter_map(|(picture, name)| {
            let class = names.iter().position(|other| other == name)?;
            let guesses = part.nearest_names(part.embeddings.rows(class).start, 3);
            let guess = |guess: usize| match guess == class {
                true => (format!("✓ {}", names[guess]), Colour::RIGHT),
                false => (format!("✗ {}", names[guess]), Colour::WRONG),
            };
            let captions =
                std::iter::once((name.clone(), Colour::TEXT)).chain(guesses.into_iter().map(guess));
            let width = picture.width() as usize;
            Some(Picture { captions: captions.collect(), width, rgb: picture.into_raw() })
        })
        .collect();
    figures::pictures(title, columns, &tiles)
}

impl Part {
    /// Similarities of all pictures with all names.
    ///
    /// # Errors
    /// As [`LabelledGeometry::of`].
    pub fn geometry(&self) -> Result<LabelledGeometry> {
        let embeddings = &self.embeddings;
        LabelledGeometry::of(embeddings.image.view(), embeddings.class_text.view(), &embeddings.labels())
    }

    /// How the pictures lie to the names.
    ///
    /// # Errors
    /// As [`ModalityGap::of`].
    pub fn gap(&self) -> Result<ModalityGap> {
        const SEED: u32 = 1; // of the permutation
        let embeddings = &self.embeddings;
        ModalityGap::of(embeddings.image.view(), embeddings.class_text.view(), &embeddings.labels(), SEED)
    }

    /// How many pairs of a picture and a name are on the wrong side of `relative_bias`.
    ///
    /// # Errors
    /// As [`LabelledGeometry::of`].
    pub fn violating_pairs(&self, relative_bias: f64) -> Result<usize> {
        let embeddings = &self.embeddings;
        let (images, texts) = (embeddings.image.view(), embeddings.class_text.view());
        let bounds = (0.0, relative_bias);
        Ok(Constellation::check_labelled(images, texts, &embeddings.labels(), bounds, 0)?.violating_pairs)
    }

    /// The study's xi of synthetic runs, of each picture and its own name.
    pub fn xi(&self) -> f64 {
        xi(self.embeddings.image.view(), self.embeddings.text().view())
    }
}

/// The geometry of each part, and its retrieval of names.
///
/// # Errors
/// As [`LabelledGeometry::of`].
pub fn geometry_table(embedded: &Embedded) -> Result<Table> {
    let header = [
        "",
        "mean matching",
        "mean non-matching",
        "margin m",
        "pairs on the wrong side of b_rel",
        "top-1",
        "top-5",
    ];
    embedded.parts.iter().try_fold(Table::new(&header), |table, part| {
        let geometry = part.geometry()?;
        let violating = part.violating_pairs(embedded.relative_bias)?;
        let pairs = geometry.images * geometry.texts;
        Ok(table.row(&[
            part.label.clone(),
            short(geometry.matching.mean),
            short(geometry.non_matching.mean),
            short(geometry.margin),
            format!("{} of {}", thousands(violating), thousands(pairs)),
            percent(geometry.image_to_text.top_1),
            percent(geometry.image_to_text.top_5),
        ]))
    })
}

/// The modality gap of pictures and names, a row for each label.
pub fn gap_table<S: Display>(rows: &[(S, ModalityGap)]) -> Table {
    let header = [
        "",
        "perceptron's errors (pictures, names)",
        "linearly separable",
        "largest margin",
        "distance of the centroids",
    ];
    rows.iter().fold(Table::new(&header), |table, (label, gap)| {
        let errors = gap.perceptron.misclassified;
        table.row(&[
            label.to_string(),
            format!("{}, {}", errors.images, errors.texts),
            verdict(gap.separation.verdict).to_owned(),
            short(gap.separation.margin_at_least),
            short(gap.centroid_distance),
        ])
    })
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Separable => "yes",
        Verdict::Inseparable => "no",
        Verdict::Undecided => "undecided",
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// The published numbers of a checkpoint of Table 1 beside those obtained, to be checked
/// if the pictures and the model are the study's, and else only for orientation.
pub fn against_published(collection: &Collection, geometry: &LabelledGeometry) -> Vec<Published> {
    let known = PUBLISHED.iter().find(|row| collection.model_name() == format!("siglip-{}", row.model));
    let (row, tolerance) = match known.filter(|_| collection.name() == "imagenet") {
        Some(row) => (row, Tolerance::Absolute(1e-3)),
        None => (&PUBLISHED[0], Tolerance::Reported("not checked: other pictures or model".to_owned())),
    };
    [
        ("mean matching similarity", row.matching, geometry.matching.mean),
        ("mean non-matching similarity", row.non_matching, geometry.non_matching.mean),
        ("half difference of means", row.half_difference_of_means, geometry.half_difference_of_means),
        ("midpoint of means", row.midpoint_of_means, geometry.midpoint_of_means),
    ]
    .map(|(what, value, obtained)| {
        published(format!("{}: {what}", row.model), value, obtained, tolerance.clone())
    })
    .into()
}

/// A model, or a part of what it was shown, and its geometry as computed here.
#[derive(Debug, Clone, PartialEq)]
pub struct Computed {
    /// What was computed.
    pub label: String,
    /// Inverse temperature and relative bias that the model learned, if known.
    pub learned: Option<(f64, f64)>,
    /// Its similarities.
    pub geometry: LabelledGeometry,
    /// Pictures against names.
    pub gap: ModalityGap,
    /// The study's xi of synthetic runs.
    pub xi: f64,
}

impl Computed {
    /// Of one part. `learned` are t and b_rel.
    ///
    /// # Errors
    /// If the embeddings are no unit vectors.
    pub fn of(label: &str, part: &Part, learned: Option<(f64, f64)>) -> Result<Self> {
        let (geometry, gap) = (part.geometry()?, part.gap()?);
        Ok(Self { label: label.to_owned(), learned, geometry, gap, xi: part.xi() })
    }

    /// Of every part, labelled by `model` and the part.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn all(model: &str, embedded: &Embedded) -> Result<Vec<Self>> {
        let learned = Some((embedded.temperature, embedded.relative_bias));
        let of = |part: &Part| Self::of(&format!("{model}, {}", part.label), part, learned);
        embedded.parts.iter().map(of).collect()
    }
}

/// Table 1 with the published rows and those computed here, told apart in the last column.
pub fn table_of_models(computed: &[Computed]) -> Table {
    let header = [
        "model",
        "mean matching",
        "mean non-matching",
        "half difference of means",
        "midpoint of means",
        "source",
    ];
    let row = |model: &str, numbers: [f64; 4], source: &str| -> Vec<String> {
        let numbers = numbers.map(|x| format!("{x:.6}"));
        std::iter::once(model.to_owned()).chain(numbers).chain([source.to_owned()]).collect()
    };
    let published = PUBLISHED.iter().map(|p| {
        let numbers = [p.matching, p.non_matching, p.half_difference_of_means, p.midpoint_of_means];
        row(p.model, numbers, "published")
    });
    let own = computed.iter().map(|Computed { label, geometry: g, .. }| {
        let means = [g.matching.mean, g.non_matching.mean, g.half_difference_of_means, g.midpoint_of_means];
        row(label, means, "computed here")
    });
    published.chain(own).fold(Table::new(&header), |table, cells| table.row(&cells))
}

/// What Table 1 does not have: learned t, b and b_rel, and the margin and relative bias of
/// the paper's theorem.
pub fn table_of_extremes(computed: &[Computed]) -> Table {
    let header = ["model", "t", "b = t b_rel", "b_rel", "margin m", "optimal b_rel", "top-1", "top-5"];
    computed.iter().fold(Table::new(&header), |table, Computed { label, learned, geometry, .. }| {
        let learned = |of: fn((f64, f64)) -> f64| learned.map_or("–".to_owned(), |pair| short(of(pair)));
        table.row(&[
            label.clone(),
            learned(|(t, _)| t),
            learned(|(t, b_rel)| t * b_rel),
            learned(|(_, b_rel)| b_rel),
            short(geometry.margin),
            short(geometry.optimal_relative_bias),
            percent(geometry.image_to_text.top_1),
            percent(geometry.image_to_text.top_5),
        ])
    })
}

/// The study's three numbers of trained models, and beside them its xi of synthetic runs.
pub fn table_of_distances(computed: &[Computed]) -> Table {
    let header = [
        "model",
        "mean ‖x_i − y_i‖²",
        "‖mean (x_i − y_i)‖²",
        "mean ‖x_π(i) − y_i‖²",
        "xi of synthetic runs (norms)",
    ];
    computed.iter().fold(Table::new(&header), |table, Computed { label, gap, xi, .. }| {
        let distances = gap.mean_distances;
        table.row(&[
            label.clone(),
            short(distances.matching),
            short(distances.centroids),
            short(distances.permuted),
            short(*xi),
        ])
    })
}

/// The study's Figure 7 as a dot plot: the published numbers and those computed here.
///
/// # Errors
/// [`crate::Error::Figure`] if a number is not finite.
pub fn figure_of_models(title: &str, computed: &[Computed]) -> Result<Figure> {
    type Number<T> = fn(&T) -> f64;
    let names: Vec<&str> =
        PUBLISHED.iter().map(|row| row.model).chain(computed.iter().map(|row| row.label.as_str())).collect();
    let panel = |quantity: &str, of_published: Number<PublishedModel>, of_computed: Number<Computed>| {
        let known = PUBLISHED.iter().map(|row| Some(of_published(row)));
        let own = computed.iter().map(|row| Some(of_computed(row)));
        let known: Vec<_> = known.chain(computed.iter().map(|_| None)).collect();
        let own: Vec<_> = PUBLISHED.iter().map(|_| None).chain(own).collect();
        let label = "published (ImageNet)";
        DotPanel::new(quantity, vec![Dots::new(label, &known), Dots::new("computed here", &own)])
    };
    let panels = [
        panel("mean matching", |p| p.matching, |c| c.geometry.matching.mean),
        panel("mean non-matching", |p| p.non_matching, |c| c.geometry.non_matching.mean),
        panel("half difference", |p| p.half_difference_of_means, |c| c.geometry.half_difference_of_means),
        panel("midpoint", |p| p.midpoint_of_means, |c| c.geometry.midpoint_of_means),
    ];
    figures::dots(title, &names, &panels)
}

/// A setting, where its gap belongs on the axis of b_rel, and its gap from each seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaps {
    /// What distinguishes the setting.
    pub label: String,
    /// The best relative bias of each run.
    pub relative_bias: Vec<f64>,
    /// The gap of each run.
    pub gaps: Vec<ModalityGap>,
}

impl Gaps {
    /// Between the first two modalities of each run.
    ///
    /// # Errors
    /// As [`ModalityGap::of`].
    pub fn of(ensemble: &Ensemble) -> Result<Self> {
        let gap = |run: &Run| gap_of_pairs(run.embeddings());
        Ok(Self {
            label: ensemble.label.clone(),
            relative_bias: ensemble.values(|run| run.geometry().optimal_relative_bias()),
            gaps: ensemble.runs.par_iter().map(gap).collect::<Result<_>>()?,
        })
    }

    /// Of the training part of a model, at the relative bias that it learned.
    ///
    /// # Errors
    /// As [`ModalityGap::of`].
    pub fn of_model(label: &str, embedded: &Embedded) -> Result<Self> {
        let gaps = embedded.parts.iter().take(1).map(Part::gap).collect::<Result<_>>()?;
        Ok(Self { label: label.to_owned(), relative_bias: vec![embedded.relative_bias], gaps })
    }

    /// One number of each run.
    pub fn values(&self, of: impl Fn(&ModalityGap) -> f64) -> Vec<f64> {
        self.gaps.iter().map(of).collect()
    }

    /// How many runs have the two families on two sides of a hyperplane.
    pub fn separable(&self) -> usize {
        self.gaps.iter().filter(|gap| gap.separation.verdict == Verdict::Separable).count()
    }
}

fn gap_of_pairs(embeddings: ndarray::ArrayView3<f32>) -> Result<ModalityGap> {
    let order: Vec<usize> = (0..embeddings.dim().1).collect();
    let modality = |m| embeddings.index_axis_move(ndarray::Axis(0), m);
    ModalityGap::of(modality(0), modality(1), &order, 1)
}

/// The modality gap of each setting, mean ± standard deviation over its runs.
pub fn table_of_gaps(settings: &[Gaps]) -> Table {
    let header = ["setting", "best b_rel", "separable", "largest margin", "distance of the centroids"];
    settings.iter().fold(Table::new(&header), |table, setting| {
        let cell = |values: &[f64]| match mean_and_deviation(values) {
            (mean, _) if values.len() == 1 => short(mean),
            (mean, deviation) => format!("{} ± {}", short(mean), short(deviation)),
        };
        table.row(&[
            setting.label.clone(),
            cell(&setting.relative_bias),
            format!("{} of {}", setting.separable(), setting.gaps.len()),
            cell(&setting.values(margin)),
            cell(&setting.values(|gap| gap.centroid_distance)),
        ])
    })
}

fn margin(gap: &ModalityGap) -> f64 {
    gap.separation.margin_at_least
}

/// The gap against the relative bias: `fixed[k]` at `values[k]` with its spread over the
/// seeds, the runs of `trained` as a dot each, and the construction of two parallel copies
/// of `code` `[pairs, dim]`.
///
/// # Errors
/// [`crate::Error::Figure`] if there is nothing to draw.
pub fn gaps_over_bias(
    title: &str,
    values: &[f64],
    fixed: &[Gaps],
    trained: &[Gaps],
    code: &ndarray::Array2<f64>,
) -> Result<Figure> {
    let (biases, constructed) = constructions(values, code)?;
    let panel = |quantity: &str, of: fn(&ModalityGap) -> f64| {
        let spreads = fixed.iter().map(|gaps| spread_of(&gaps.values(of), Spread::Deviation));
        let [low, middle, high] = unzip(spreads);
        let theory: Vec<f64> = constructed.iter().map(of).collect();
        let mut series = vec![
            Series::connected("b_rel fixed", values, &middle).within(&low, &high),
            Series::dashed("construction", &biases, &theory).coloured(Colour::THEORY),
        ];
        let points = |gaps: &Gaps| Series::points(&gaps.label, &gaps.relative_bias, &gaps.values(of));
        series.extend(trained.iter().map(points));
        Panel::new("b_rel", quantity, series)
    };
    let panels = [
        panel("margin of the best hyperplane", margin),
        panel("distance of the centroids", |gap| gap.centroid_distance),
    ];
    figures::plot(title, 2, &panels)
}

/// Relative biases over the range of `values`, and the gap of the construction at each.
fn constructions(values: &[f64], code: &ndarray::Array2<f64>) -> Result<(Vec<f64>, Vec<ModalityGap>)> {
    const STEPS: usize = 60;
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let biases: Vec<f64> = (0..=STEPS).map(|k| low + (high - low) * k as f64 / STEPS as f64).collect();
    let gap = |&b_rel: &f64| gap_of_pairs(theory::construct(code.view(), b_rel)?.view());
    let gaps = biases.par_iter().map(gap).collect::<Result<_>>()?;
    Ok((biases, gaps))
}

fn unzip(rows: impl Iterator<Item = [f64; 3]>) -> [Vec<f64>; 3] {
    let mut columns = [Vec::new(), Vec::new(), Vec::new()];
    for row in rows {
        columns.iter_mut().zip(row).for_each(|(column, x)| column.push(x));
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_margins_are_differences_of_means() {
        for row in PUBLISHED {
            let half = (row.matching - row.non_matching) / 2.0;
            let midpoint = (row.matching + row.non_matching) / 2.0;
            assert!((row.half_difference_of_means - half).abs() < 1.01e-6, "{}", row.model);
            assert!((row.midpoint_of_means - midpoint).abs() < 1.01e-6, "{}", row.model);
        }
    }

    /// Two parallel copies of a code, (delta x, ± sqrt(1 - delta^2)) with the code's hull
    /// around 0, are 2 sqrt(1 - delta^2) apart wherever one measures.
    #[test]
    fn the_gap_of_the_construction_is_its_offset() {
        let simplex = theory::spread_code(4, 3, 1).unwrap();
        let c = theory::largest_cosine(simplex.view());
        for b_rel in [-0.9, -0.5, 0.0, 0.3] {
            let gap = gap_of_pairs(theory::construct(simplex.view(), b_rel).unwrap().view()).unwrap();
            let delta2 = (2.0 * (1.0 + b_rel) / (3.0 + c)).min(1.0);
            let offset = (1.0 - delta2).sqrt();
            assert!((margin(&gap) - offset).abs() < 1e-3, "b_rel {b_rel}: {} and {offset}", margin(&gap));
            assert!((gap.centroid_distance - 2.0 * offset).abs() < 1e-2, "b_rel {b_rel}");
        }
    }

    #[test]
    fn classes_are_chosen_from_all_over() {
        let classes: Vec<String> = (0..1000).map(|k| k.to_string()).collect();
        assert_eq!(evenly_spaced(&classes, 4), ["0", "250", "500", "750"]);
        assert_eq!(evenly_spaced(&classes[..2], 5), ["0", "1"]);
    }
}
