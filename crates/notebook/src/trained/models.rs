//! Models beside each other: the study's Table 6 and Figure 6 (camera-ready), and what they do not have.

use constellation::geometry::{LabelledGeometry, ModalityGap, Verdict};
use constellation::numbers::{percent, short};
use figures::{DotPanel, Dots, Figure, Histogram};
use models::{Embedded, Embeddings, Part};

use super::pictures::histogram;
use super::published::{PUBLISHED, PublishedModel};
use crate::error::Result;
use crate::table::Table;

/// A model, or a part of what it was shown, and its geometry as computed here.
#[derive(Debug, Clone, PartialEq)]
pub struct Computed {
    /// What was computed.
    pub label: String,
    /// What the model learned, if known.
    pub learned: Option<Learned>,
    /// Its similarities.
    pub geometry: LabelledGeometry,
    /// Pictures against names.
    pub gap: ModalityGap,
    /// The study's xi of synthetic runs.
    pub xi: f64,
    /// Signed distances of pictures and of names from the perceptron's hyperplane.
    sides: [Vec<f32>; 2],
}

/// The scalars that a model learned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Learned {
    /// Inverse temperature t.
    pub temperature: f64,
    /// Relative bias b_rel.
    pub relative_bias: f64,
}

impl Computed {
    /// Of one part, under its own label.
    ///
    /// # Errors
    /// If the embeddings are no unit vectors.
    pub fn of(part: &Part) -> Result<Self> {
        let (label, geometry, gap) = (part.label.clone(), part.geometry()?, part.gap()?);
        let distances = |points| -> Result<Vec<f32>> {
            let positions = gap.perceptron.hyperplane.positions(points)?;
            Ok(positions.into_iter().map(|distance| distance as f32).collect())
        };
        let Embeddings { image, class_text, .. } = &part.embeddings;
        let sides = [distances(image.view())?, distances(class_text.view())?];
        Ok(Self { label, learned: None, geometry, gap, xi: part.xi(), sides })
    }

    /// Of every part of what a model was shown.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn all(embedded: &Embedded) -> Result<Vec<Self>> {
        let &Embedded { temperature, relative_bias, .. } = embedded;
        let learned = Some(Learned { temperature, relative_bias });
        embedded.parts.iter().map(|part| Ok(Self { learned, ..Self::of(part)? })).collect()
    }

    /// The same with `model` before the label.
    #[must_use]
    pub fn prefixed(self, model: &str) -> Self {
        Self { label: format!("{model}, {}", self.label), ..self }
    }

    /// The similarities of all pictures with all names, and b_rel if it is known.
    ///
    /// # Errors
    /// [`crate::Error::Figure`] if b_rel is not finite.
    pub fn similarities(&self) -> Result<Histogram> {
        histogram(&self.label, &self.geometry, self.learned.map(|learned| learned.relative_bias))
    }

    /// Signed distances of pictures and names from the perceptron's hyperplane, names on the
    /// positive side if it separates them.
    ///
    /// # Errors
    /// [`crate::Error::Figure`] if a distance is not a number.
    pub fn sides(&self) -> Result<Histogram> {
        let [pictures, names] = &self.sides;
        let histogram = Histogram::new(&self.label, pictures, names)?;
        Ok(histogram.named("signed distance from the hyperplane", ["pictures", "names"]))
    }

    /// Whether a hyperplane has all pictures on one side and all names on the other.
    pub fn verdict(&self) -> Verdict {
        self.gap.separation.verdict
    }
}

/// The modality gap of pictures and names, a row for each.
pub fn table_of_sides<'a>(computed: impl IntoIterator<Item = &'a Computed>) -> Table {
    let header = [
        "",
        "perceptron's errors (pictures, names)",
        "linearly separable",
        "largest margin",
        "distance of the centroids",
    ];
    computed.into_iter().fold(Table::new(&header), |table, Computed { label, gap, .. }| {
        let errors = gap.perceptron.misclassified;
        let verdict = match gap.separation.verdict {
            Verdict::Separable => "yes",
            Verdict::Inseparable => "no",
            Verdict::Undecided => "undecided",
        };
        table.row(&[
            label.clone(),
            format!("{}, {}", errors.images, errors.texts),
            verdict.to_owned(),
            short(gap.separation.margin_at_least),
            short(gap.centroid_distance),
        ])
    })
}

/// Table 6 with the published rows and those computed here, told apart in the last column.
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

/// What Table 6 does not have: learned t, b and b_rel, and the margin and relative bias of
/// the paper's theorem.
pub fn table_of_extremes(computed: &[Computed]) -> Table {
    let header = ["model", "t", "b = t b_rel", "b_rel", "margin m", "optimal b_rel", "top-1", "top-5"];
    computed.iter().fold(Table::new(&header), |table, Computed { label, learned, geometry, .. }| {
        let learned = |of: fn(Learned) -> f64| learned.map_or("–".to_owned(), |learned| short(of(learned)));
        table.row(&[
            label.clone(),
            learned(|it| it.temperature),
            learned(|it| it.temperature * it.relative_bias),
            learned(|it| it.relative_bias),
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

/// The similarities of each beside each other, `columns` in a row.
///
/// # Errors
/// As [`Computed::similarities`].
pub fn figure_of_similarities(title: &str, columns: usize, computed: &[Computed]) -> Result<Figure> {
    let panels = computed.iter().map(Computed::similarities).collect::<Result<Vec<_>>>()?;
    Ok(figures::histograms(title, columns, &panels)?)
}

/// The study's Figure 6 as a dot plot: the published numbers and those computed here.
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
    Ok(figures::dots(title, &names, &panels)?)
}
