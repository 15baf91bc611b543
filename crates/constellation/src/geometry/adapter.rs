//! What an adapter added to the vectors.

use ndarray::{Array3, ArrayView3, s};

use crate::error::{Error, Result};

/// The vectors of two modalities `[2, pairs, dim + 1]` without an adapter's last
/// coordinate, on the sphere of `dim` again: <delta U, delta V> / delta^2 = <U, V>.
///
/// # Errors
/// [`crate::Error::Input`] if there is no coordinate to leave out.
pub fn without_adapter(embeddings: ArrayView3<f32>) -> Result<Array3<f32>> {
    let dim = embeddings.dim().2;
    if dim < 2 {
        return Err(Error::Input {
            what: "embeddings with an adapter",
            got: format!("{:?}", embeddings.shape()),
            expected: "[2, pairs, dim + 1]".to_owned(),
        });
    }
    let mut vectors = embeddings.slice(s![.., .., ..dim - 1]).to_owned();
    for mut row in vectors.rows_mut() {
        let norm = row.dot(&row).sqrt();
        row /= norm;
    }
    Ok(vectors)
}
