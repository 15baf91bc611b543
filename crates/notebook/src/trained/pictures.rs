//! Pictures against names: similarities, retrieval, and the modality gap.

use constellation::geometry::{Distribution, LabelledGeometry};
use constellation::numbers::{percent, short, thousands};
use figures::{Colour, Figure, Histogram, Picture};
use models::{Collection, Embedded, Part};

use crate::error::Result;
use crate::table::Table;

/// The similarities of all pictures with all names, and b_rel if it is known.
///
/// # Errors
/// [`crate::Error::Figure`] if `relative_bias` is not finite.
pub(crate) fn histogram(
    title: &str,
    geometry: &LabelledGeometry,
    relative_bias: Option<f64>,
) -> Result<Histogram> {
    let (low, high) = (Distribution::LOW, Distribution::HIGH);
    let counts = [&geometry.matching, &geometry.non_matching].map(Distribution::counts);
    let mut histogram = Histogram::from_counts(title, low, high, counts[0], counts[1])?;
    histogram.relative_bias = relative_bias;
    let histogram = histogram.gap(geometry.non_matching.max, geometry.matching.min);
    Ok(histogram.named("similarity", ["picture with its name", "with another name"]))
}

/// Embeds a collection; where that takes hours, a line now and then says how far it is.
///
/// # Errors
/// As [`Collection::embed`].
pub fn embed(collection: &Collection) -> Result<Embedded> {
    const PICTURES: usize = 1600; // between two lines
    Ok(collection.embed(&mut |progress| {
        if progress.done.is_multiple_of(PICTURES) {
            println!("{progress}");
        }
    })?)
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
            let guess = |guess: usize| {
                let (mark, colour) =
                    if guess == class { ('✓', Colour::RIGHT) } else { ('✗', Colour::WRONG) };
                (format!("{mark} {}", names[guess]), colour)
            };
            let captions =
                std::iter::once((name.clone(), Colour::TEXT)).chain(guesses.into_iter().map(guess));
            let width = picture.width() as usize;
            Some(Picture { captions: captions.collect(), width, rgb: picture.into_raw() })
        })
        .collect();
    Ok(figures::pictures(title, columns, &tiles)?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_chosen_from_all_over() {
        let classes: Vec<String> = (0..1000).map(|k| k.to_string()).collect();
        assert_eq!(evenly_spaced(&classes, 4), ["0", "250", "500", "750"]);
        assert_eq!(evenly_spaced(&classes[..2], 5), ["0", "1"]);
    }
}
