//! Models beside each other: the study's Table 1 and Figure 7, and what they do not have.

use constellation::geometry::{LabelledGeometry, ModalityGap};
use constellation::numbers::{percent, short};
use figures::{DotPanel, Dots, Figure};
use models::{Embedded, Part};

use super::published::{PUBLISHED, PublishedModel};
use crate::error::Result;
use crate::table::Table;

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
    Ok(figures::dots(title, &names, &panels)?)
}
