//! The constellations of `data/constellations` are what their table says.

use std::path::Path;

use constellation::best::{Entry, margin_at};
use constellation::geometry::theory::margin_bound;

#[test]
fn every_certificate_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/constellations");
    let table = Entry::read_all(folder.join("table.csv")).unwrap();
    assert!(table.len() > 200, "{} rows", table.len());
    for entry in table {
        let Entry { pairs, dim, relative_bias, found, construction, bound, descent } = entry;
        let vectors = entry.read_vectors(&folder).unwrap();
        for row in vectors.rows() {
            assert!(
                (row.dot(&row) - 1.0).abs() < 1e-14,
                "{entry}: a vector of length {}",
                row.dot(&row).sqrt()
            );
        }
        assert!((margin_at(vectors.view(), relative_bias) - found).abs() < 1e-11, "{entry}");
        assert!((margin_bound(2, pairs, dim, relative_bias) - bound).abs() < 1e-11, "{entry}");
        // A construction that meets the bound is above it by the rounding of its own vectors.
        assert!(
            found <= bound + 1e-12 && construction <= found + 1e-12 && descent <= found + 1e-6,
            "{entry}"
        );
    }
}
