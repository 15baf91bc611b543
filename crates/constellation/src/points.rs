//! Points on spheres, in PyTorch's random stream.

use ndarray::{Array2, Array3, Axis};

use crate::experiment::Experiment;
use crate::random::{Generator, normalize_rows};

/// The initial unit vectors `[modalities, pairs, dim]` of an experiment: the numbers
/// that `torch.manual_seed` and `torch.randn` give in the study's code.
///
/// Two modalities are drawn in turn. With more, the study draws a pair of modalities
/// for each and throws the second away. A locked first modality comes before the
/// draws that `skip` throws away. With several positives the queries are drawn and then the
/// documents: `[1, queries + documents, dim]`.
pub fn initial_vectors(experiment: &Experiment) -> Array3<f32> {
    if !experiment.is_of_pairs() {
        let queries = experiment.subsets().count().expect("a valid description has as many as fit");
        return random_points(queries + experiment.pairs, experiment.dim, experiment.seed)
            .insert_axis(Axis(0));
    }
    let Experiment { pairs, dim, modalities, .. } = *experiment;
    let mut generator = Generator::seeded(experiment.seed);
    let mut vectors = Vec::with_capacity(modalities * pairs * dim);
    let mut draw = vec![0.0; pairs * dim];
    let mut thrown_away = experiment.skip;
    for modality in 0..modalities {
        let is_locked = experiment.locked && modality == 0;
        for _ in 0..if is_locked { 0 } else { std::mem::take(&mut thrown_away) } {
            generator.fill_normal(&mut draw);
        }
        generator.fill_normal(&mut draw);
        vectors.extend_from_slice(&draw);
        if modalities > 2 && !is_locked {
            generator.fill_normal(&mut draw);
        }
    }
    normalize_rows(&mut vectors, dim);
    Array3::from_shape_vec((modalities, pairs, dim), vectors).expect("as many numbers as were drawn")
}

/// Unit vectors `[count, dim]`, uniform on the sphere: the first draw from `seed`.
pub fn random_points(count: usize, dim: usize, seed: u64) -> Array2<f32> {
    let mut points = vec![0.0; count * dim];
    Generator::seeded(seed).fill_normal(&mut points);
    normalize_rows(&mut points, dim);
    Array2::from_shape_vec((count, dim), points).expect("as many numbers as were drawn")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skip_continues_the_stream() {
        let first = Experiment { pairs: 7, dim: 3, ..Default::default() };
        let second = Experiment { skip: 1, ..first.clone() };
        let (first, second) = (initial_vectors(&first), initial_vectors(&second));
        assert_eq!(first.index_axis(Axis(0), 1), second.index_axis(Axis(0), 0));
    }

    #[test]
    fn a_run_in_turn_goes_on_where_the_one_before_it_ended() {
        for (modalities, locked) in [(2, false), (3, false), (2, true), (4, true)] {
            let first = Experiment { pairs: 5, dim: 4, modalities, locked, ..Default::default() };
            let longer = Experiment { modalities: modalities + 1, ..first.clone() };
            let next = Experiment { skip: first.draws(), ..first.clone() };
            if modalities > 2 {
                let expected = initial_vectors(&longer).index_axis_move(Axis(0), modalities);
                let trained = usize::from(locked);
                assert_eq!(initial_vectors(&next).index_axis_move(Axis(0), trained), expected);
            } else {
                let drawn = Experiment { skip: first.draws() - 1, ..first.clone() };
                let drawn = initial_vectors(&drawn);
                assert_ne!(drawn, initial_vectors(&next));
            }
        }
    }

    #[test]
    fn a_locked_modality_comes_before_skip() {
        let run = |skip| Experiment { pairs: 5, dim: 4, locked: true, skip, ..Default::default() };
        let (zero, one) = (initial_vectors(&run(0)), initial_vectors(&run(1)));
        assert_eq!(zero.index_axis(Axis(0), 0), one.index_axis(Axis(0), 0));
        assert_ne!(zero.index_axis(Axis(0), 1), one.index_axis(Axis(0), 1));
    }

    #[test]
    fn rows_are_unit_vectors() {
        let vectors = initial_vectors(&Experiment { pairs: 9, modalities: 3, ..Default::default() });
        for row in vectors.rows() {
            assert!((row.dot(&row) - 1.0).abs() < 1e-6);
        }
    }
}
