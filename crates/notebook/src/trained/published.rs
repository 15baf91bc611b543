//! The study's Table 6 (Table 1 in an earlier version), whose numbers stand for themselves unless
//! the same run is made here.

use constellation::geometry::LabelledGeometry;
use models::{Collection, Pictures};

use crate::check::check;
use crate::error::Result;
use crate::record::Notebook;
use crate::table::Table;

/// A row of the study's Table 6: means over ImageNet's validation set, as published.
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

/// Table 6 of the camera-ready version of arXiv 2509.18552, ascending in model and resolution.
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

/// What Table 6 says of a checkpoint. With the study's pictures and model, it is compared with
/// `geometry` and must agree; else the table has the published numbers of base-patch16-224
/// only, because those of other pictures and models cannot be compared with them.
///
/// # Errors
/// As [`Notebook::compare`].
pub fn against_published(
    notebook: &mut Notebook,
    collection: &Collection,
    geometry: &LabelledGeometry,
) -> Result<Table> {
    let Some(row) = rerun(collection) else { return Ok(PUBLISHED[0].alone()) };
    let obtained = [
        geometry.matching.mean,
        geometry.non_matching.mean,
        geometry.half_difference_of_means,
        geometry.midpoint_of_means,
    ];
    let numbers = row.numbers().into_iter().zip(obtained).map(|((what, value), obtained)| {
        check(format!("{}: {what}", row.model), obtained).published(value).within(1e-3)
    });
    notebook.compare(numbers)
}

/// The row that `collection` is the run of.
fn rerun(collection: &Collection) -> Option<&'static PublishedModel> {
    let row = PUBLISHED.iter().find(|row| collection.model_name() == format!("siglip-{}", row.model));
    row.filter(|_| matches!(collection.pictures, Pictures::ImageNet { .. }))
}

impl PublishedModel {
    fn numbers(&self) -> [(&'static str, f64); 4] {
        [
            ("mean matching similarity", self.matching),
            ("mean non-matching similarity", self.non_matching),
            ("half difference of means", self.half_difference_of_means),
            ("midpoint of means", self.midpoint_of_means),
        ]
    }

    fn alone(&self) -> Table {
        let header = format!("published for {} on ImageNet, not re-run here", self.model);
        self.numbers().into_iter().fold(Table::new(&["", &header]), |table, (what, value)| {
            table.row(&[what.to_owned(), value.to_string()])
        })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

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

    #[test]
    fn only_the_same_run_is_compared_with_what_was_published() {
        let unit = Array2::<f32>::eye(2);
        let geometry = LabelledGeometry::of(unit.view(), unit.view(), &[0, 1]).unwrap();
        let imagenet = || Pictures::ImageNet {
            archive: "val.tar".into(),
            labels: "labels.txt".into(),
            embeddings: "x.npz".into(),
        };
        let table = |pictures, model: &str| {
            let collection = Collection { pictures, model: model.to_owned() };
            against_published(&mut Notebook::open("Test").unwrap(), &collection, &geometry)
        };
        for (pictures, model) in [
            (Pictures::Emoji, "data/checkpoints/emoji-absolute"),
            (Pictures::Emoji, "google/siglip-base-patch16-224"),
            (imagenet(), "google/siglip2-base-patch16-224"),
        ] {
            let text = table(pictures, model).unwrap().to_string();
            assert!(text.contains("0.094982") && text.contains("not re-run here"), "{model}: {text}");
            assert!(!text.contains("obtained"), "{model}: {text}");
        }
        let error = table(imagenet(), "google/siglip-large-patch16-256").unwrap_err().to_string();
        assert!(error.contains("0.102251") && error.contains("missed"), "{error}");
    }
}
