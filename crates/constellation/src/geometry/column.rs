//! A column as a query, while its rows are counted.

/// A column as a query: its most similar row that matches, and the most similar that do not.
#[derive(Clone, Copy)]
pub(super) struct Column {
    pub matching: f32,
    pub others: [f32; 5],
}

impl Column {
    pub(super) const NONE: Self = Self { matching: f32::NEG_INFINITY, others: [f32::NEG_INFINITY; 5] };

    /// Few columns soon have any to add.
    #[inline(never)]
    pub(super) fn add_others(&mut self, similarities: &[f32]) {
        similarities.iter().for_each(|&similarity| self.add_other(similarity));
    }

    fn add_other(&mut self, similarity: f32) {
        if similarity > self.others[4] {
            let place = self.others.partition_point(|&other| other >= similarity);
            self.others.copy_within(place..4, place + 1);
            self.others[place] = similarity;
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.matching = self.matching.max(other.matching);
        self.add_others(&other.others);
    }

    /// How many rows that do not match are at least as similar as the best that does; 5 stands for 5
    /// or more.
    pub(super) fn before(&self) -> usize {
        self.others.partition_point(|&other| other >= self.matching)
    }
}
