//! All subsets of one size: which documents match which query.

/// The subsets of `size` of the documents `0..documents`, in lexicographic order: query q matches
/// the documents of subset q. With size 1, query i matches document i.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subsets {
    /// Number n of documents.
    pub documents: usize,
    /// Number k of documents in a subset, at least 1 and at most n.
    pub size: usize,
}

impl Subsets {
    /// How many there are, `n! / (k! (n - k)!)`; none if that is no `usize`.
    pub fn count(self) -> Option<usize> {
        (0..self.size).try_fold(1usize, |count, taken| {
            // The product is a multiple of the divisor at every step.
            Some(count.checked_mul(self.documents.checked_sub(taken)?)? / (taken + 1))
        })
    }

    /// The documents of all subsets one after the other, `size` numbers a subset.
    pub fn flat(self) -> Vec<usize> {
        let Self { documents, size } = self;
        let mut subset: Vec<usize> = (0..size).collect();
        let mut all = Vec::new();
        loop {
            all.extend_from_slice(&subset);
            // The last place that can still move on, and all behind it close up to it.
            let Some(place) = (0..size).rfind(|&place| subset[place] < documents - size + place) else {
                return all;
            };
            subset[place] += 1;
            for behind in place + 1..size {
                subset[behind] = subset[behind - 1] + 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_four() {
        let pairs = Subsets { documents: 4, size: 2 };
        assert_eq!(pairs.flat(), [0, 1, 0, 2, 0, 3, 1, 2, 1, 3, 2, 3]);
        assert_eq!(pairs.count(), Some(6));
    }

    #[test]
    fn there_are_as_many_as_counted() {
        for (documents, size) in [(5, 1), (5, 5), (7, 3), (9, 4), (12, 2)] {
            let subsets = Subsets { documents, size };
            let flat = subsets.flat();
            assert_eq!(Some(flat.len()), subsets.count().map(|count| count * size));
            let distinct: std::collections::HashSet<&[usize]> = flat.chunks(size).collect();
            assert_eq!(distinct.len() * size, flat.len());
        }
        assert_eq!(Subsets { documents: 1 << 40, size: 3 }.count(), None);
    }
}
