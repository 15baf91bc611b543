//! The geometry of very many pairs: by parts that are counted apart, on any machine, and added.

use std::ops::Range;
use std::path::Path;

use files::npz::{NpzReader, NpzWriter};
use serde::{Deserialize, Serialize};
use shard::Shard;

use super::column::Column;
use super::constellation::{Constellation, Violation, WORST, worst_first};
use super::counts::{Counts, Query};
use super::distribution::Tally;
use super::labelled::LabelledGeometry;
use super::vectors::Vectors;
use crate::error::{Error, Result};

/// What similarities alone tell, as one JSON object: what [`super::Report`] has without the gap, whose
/// solvers need all vectors in memory.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SimilarityReport {
    /// Similarities, margins, retrieval.
    #[serde(flatten)]
    pub geometry: LabelledGeometry,
    /// The pairs on the wrong side of a relative bias, if one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constellation: Option<Constellation>,
}

/// The similarities of a stretch of rows with all columns, counted: of bounded size, and such that the
/// parts of all rows add up to the very numbers of one pass.
pub struct SimilarityPart {
    about: About,
    counts: Counts,
}

/// What the parts of one work have in common, and which of them this is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct About {
    /// Names the vectors: parts of others do not fit.
    vectors: String,
    rows: usize,
    columns: usize,
    dim: usize,
    relative_bias: Option<f64>,
    /// The first row that is not counted, and how many are.
    first: usize,
    counted: usize,
}

impl About {
    /// The part of a shard, and its rows.
    fn of(
        vectors: &str,
        [rows, columns]: [&dyn Vectors; 2],
        class_of: &[usize],
        relative_bias: Option<f64>,
        shard: Shard,
    ) -> Result<(Self, Range<usize>)> {
        let ((n, dim), (k, of_columns)) = (rows.dim(), columns.dim());
        let fits = n > 0 && k > 1 && dim > 0 && dim == of_columns;
        if !fits || class_of.len() != n || class_of.iter().any(|&class| class >= k) {
            return Err(Error::Input {
                what: "rows and columns",
                got: format!("[{n}, {dim}], [{k}, {of_columns}] and {} classes", class_of.len()),
                expected: "one row, two columns and one dimension or more, and for each row its column"
                    .to_owned(),
            });
        }
        let stretch = shard.stretch(n);
        let (first, counted) = (stretch.start, stretch.len());
        let vectors = vectors.to_owned();
        Ok((Self { vectors, rows: n, columns: k, dim, relative_bias, first, counted }, stretch))
    }
}

impl std::fmt::Display for About {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self { vectors, rows, columns, dim, relative_bias, first, counted } = self;
        write!(
            f,
            "rows {first} to {} of {rows} with {columns} columns, d = {dim}, vectors {vectors}",
            first + counted
        )?;
        relative_bias.map_or(Ok(()), |bias| write!(f, ", b_rel {bias}"))
    }
}

impl SimilarityPart {
    /// Counts a shard of the rows. Row i matches column `class_of[i]` and no other; `vectors` is a name
    /// for both families, `relative_bias` that of which violations are counted. `progress` is told how
    /// many rows are done, and of how many.
    ///
    /// # Errors
    /// [`Error::Input`] if shapes disagree, a class is out of range, there are no two columns or a
    /// vector is no unit vector; [`Error::File`] if one cannot be read.
    pub fn count(
        vectors: &str,
        [rows, columns]: [&dyn Vectors; 2],
        class_of: &[usize],
        relative_bias: Option<f64>,
        shard: Shard,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Self> {
        let (about, stretch) = About::of(vectors, [rows, columns], class_of, relative_bias, shard)?;
        let mut tell = |done| progress(done, about.counted);
        let counts = Counts::of(rows, columns, class_of, stretch, relative_bias, &mut tell)?;
        Ok(Self { about, counts })
    }

    /// The part at `path`, if it is whole and the one that [`SimilarityPart::count`] would count of these.
    ///
    /// # Errors
    /// [`Error::Input`] as of [`SimilarityPart::count`].
    pub fn read_if_of(
        path: &Path,
        vectors: &str,
        families: [&dyn Vectors; 2],
        class_of: &[usize],
        relative_bias: Option<f64>,
        shard: Shard,
    ) -> Result<Option<Self>> {
        let (about, _) = About::of(vectors, families, class_of, relative_bias, shard)?;
        Ok(Self::read(path).ok().filter(|part| part.about == about))
    }

    /// Adds the part of the rows that follow.
    ///
    /// # Errors
    /// [`Error::Input`] if it is of other vectors, or its rows do not follow.
    pub fn add(&mut self, following: Self) -> Result<()> {
        let ours = &self.about;
        let next =
            About { first: ours.first + ours.counted, counted: following.about.counted, ..ours.clone() };
        if next != following.about {
            return Err(Error::Input {
                what: "parts of a geometry",
                got: format!("{} after {}", following.about, self.about),
                expected: "parts of the same vectors and relative bias, in order of their rows".to_owned(),
            });
        }
        self.about.counted += following.about.counted;
        self.counts.add(following.counts);
        Ok(())
    }

    /// What all rows together tell.
    ///
    /// # Errors
    /// [`Error::Input`] if not all are counted.
    pub fn report(self) -> Result<SimilarityReport> {
        let About { rows, columns, dim, relative_bias, first, counted, .. } = self.about;
        if (first, counted) != (0, rows) {
            return Err(Error::Input {
                what: "parts of a geometry",
                got: format!("rows {first} to {}", first + counted),
                expected: format!("all {rows}"),
            });
        }
        let (violating, worst) = self.counts.violating.clone();
        let constellation = relative_bias.map(|relative_bias| Constellation {
            margin: 0.0,
            relative_bias,
            violating_pairs: violating as usize,
            worst: worst_first(worst, WORST),
        });
        Ok(SimilarityReport {
            geometry: LabelledGeometry::of_counts(columns, dim, self.counts),
            constellation,
        })
    }

    /// Writes the part as an npz file.
    ///
    /// # Errors
    /// [`Error::File`] if `path` cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let Counts { matching, non_matching, rows, columns, violating } = &self.counts;
        let words = [serde_json::to_string(&self.about), serde_json::to_string(violating)];
        let words = words.map(|word| word.expect("numbers and names are JSON"));
        files::write_whole(path, |file| {
            let mut npz = NpzWriter::new(file);
            npz.strings("about", words.iter().map(String::as_str))?;
            for (name, tally) in [("matching", matching), ("non_matching", non_matching)] {
                let (counts, extremes) = tally.state();
                npz.numbers(name, &[counts.len()], counts.iter().map(|&count| count.cast_signed()))?;
                npz.numbers(&format!("{name}_extremes"), &[2], extremes)?;
            }
            let count = rows.len();
            npz.numbers("row_matching", &[count], rows.iter().map(|row| row.matching))?;
            npz.numbers("row_sum", &[count], rows.iter().map(|row| row.sum_of_others))?;
            npz.numbers("row_before", &[count], rows.iter().map(|row| row.before as i64))?;
            npz.numbers("column_matching", &[columns.len()], columns.iter().map(|column| column.matching))?;
            npz.numbers(
                "column_others",
                &[columns.len(), 5],
                columns.iter().flat_map(|column| column.others),
            )?;
            Ok(npz.finish()?)
        })?;
        Ok(())
    }

    /// Reads a part that [`SimilarityPart::write`] has written.
    ///
    /// # Errors
    /// [`Error::File`] if `path` is something else, or damaged.
    pub fn read(path: &Path) -> Result<Self> {
        Self::try_read(path).map_err(|reason| files::Error::new(path, reason).into())
    }

    fn try_read(path: &Path) -> Result<Self, String> {
        let mut npz = NpzReader::open(path).map_err(|error| error.to_string())?;
        let words = npz.array("about")?.strings()?;
        let [about, violating] = &words[..] else { return Err("is no part of a geometry".to_owned()) };
        let wrong = |error: serde_json::Error| format!("is no part of a geometry: {error}");
        let about: About = serde_json::from_str(about).map_err(wrong)?;
        let violating: (u64, Vec<Violation>) = serde_json::from_str(violating).map_err(wrong)?;
        let mut tally = |name: &str| {
            let counts = npz.array(name)?.indices()?;
            let extremes = npz.array(&format!("{name}_extremes"))?.floats()?;
            Tally::from_state(counts, &extremes).ok_or(format!("has another form of `{name}`"))
        };
        let (matching, non_matching) = (tally("matching")?, tally("non_matching")?);
        let own = npz.array("row_matching")?.floats()?;
        let sums = npz.array("row_sum")?.doubles()?;
        let before = npz.array("row_before")?.indices()?;
        let column_matching = npz.array("column_matching")?.floats()?;
        let others = npz.array("column_others")?.floats()?;
        let [rows, columns] = [about.counted, about.columns];
        let lengths = [own.len(), sums.len(), before.len(), column_matching.len(), others.len()];
        if lengths != [rows, rows, rows, columns, 5 * columns] {
            return Err(format!(
                "has arrays of lengths {lengths:?}, expected those of {rows} rows, {columns} columns"
            ));
        }
        let query = |((&matching, &sum_of_others), &before)| Query { matching, sum_of_others, before };
        let rows = own.iter().zip(&sums).zip(&before).map(query).collect();
        let column = |(&matching, &others): (&f32, &[f32; 5])| Column { matching, others };
        let columns = column_matching.iter().zip(others.as_chunks().0).map(column).collect();
        Ok(Self { about, counts: Counts { matching, non_matching, rows, columns, violating } })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Axis;
    use proptest::prelude::*;

    use super::*;
    use crate::Experiment;
    use crate::points::initial_vectors;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn parts_add_up_to_the_whole(
            pairs in 2usize..200, dim in 1usize..40, of in 1usize..9, seed in 0u64..99, bias in -0.5f64..0.5,
        ) {
            let vectors = initial_vectors(&Experiment { pairs, dim, seed, ..Experiment::default() });
            let [u, v] = [0, 1].map(|modality| vectors.index_axis(Axis(0), modality));
            let class_of: Vec<usize> = (0..pairs).map(|i| i * i % pairs).collect();
            let count = |shard| {
                SimilarityPart::count("x", [&u, &v], &class_of, Some(bias), shard, &mut |_, _| ()).unwrap()
            };
            let whole = count(Shard::WHOLE).report().unwrap();
            let plain = LabelledGeometry::of(u, v, &class_of).unwrap();
            prop_assert_eq!(&whole.geometry, &plain);
            let violations = Constellation::check_labelled(u, v, &class_of, (0.0, bias), WORST).unwrap();
            prop_assert_eq!(whole.constellation.as_ref(), Some(&violations));

            let folder = tempfile::tempdir().unwrap();
            let path = |shard: Shard| folder.path().join(shard.number().to_string());
            for shard in Shard::all(of) {
                count(shard).write(&path(shard)).unwrap();
            }
            let mut parts = Shard::all(of).map(|shard| SimilarityPart::read(&path(shard)).unwrap());
            let mut sum = parts.next().unwrap();
            for part in parts {
                sum.add(part).unwrap();
            }
            prop_assert_eq!(
                serde_json::to_string(&sum.report().unwrap()).unwrap(),
                serde_json::to_string(&whole).unwrap()
            );
        }
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let vectors = initial_vectors(&Experiment { pairs: 6, dim: 3, ..Experiment::default() });
        let [u, v] = [0, 1].map(|modality| vectors.index_axis(Axis(0), modality));
        let order: Vec<usize> = (0..6).collect();
        let count = |name: &str, shard: &str| {
            let shard = shard.parse().unwrap();
            SimilarityPart::count(name, [&u, &v], &order, None, shard, &mut |_, _| ()).unwrap()
        };
        assert!(count("a", "0/2").add(count("b", "1/2")).is_err(), "other vectors");
        assert!(count("a", "1/2").add(count("a", "0/2")).is_err(), "another order");
        assert!(count("a", "0/3").add(count("a", "2/3")).is_err(), "a gap");
        assert!(count("a", "0/2").report().is_err(), "not all");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.npz");
        count("a", "0/2").write(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for length in (0..whole.len()).step_by(997) {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(SimilarityPart::read(&path).is_err());
        }
        for place in (100..whole.len() - 2000).step_by(4999) {
            let mut flipped = whole.clone();
            flipped[place] ^= 1;
            std::fs::write(&path, &flipped).unwrap();
            assert!(SimilarityPart::read(&path).is_err(), "byte {place} of {}", whole.len());
        }
    }
}
