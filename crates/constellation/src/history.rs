//! What is recorded at every epoch.

/// One entry per epoch in every column that is recorded; the others are empty.
///
/// The loss of an epoch is that before its step; temperature, bias and relative bias
/// are those after it. This is the paper's code's convention, kept so that its curves
/// can be compared. Margin, optimal relative bias and xi are those of the vectors that
/// the loss was computed from, that is before the step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// Mean sigmoid loss before the step.
    pub loss: Vec<f64>,
    /// Inverse temperature t after the step.
    pub temperature: Vec<f64>,
    /// Relative bias b_rel after the step (b / t for the absolute form).
    pub relative_bias: Vec<f64>,
    /// Margin before the step; only with [`Record::margin`].
    pub margin: Vec<f64>,
    /// Optimal relative bias before the step; only with [`Record::margin`].
    pub optimal_relative_bias: Vec<f64>,
    /// xi of the first two modalities before the step; only with [`Record::xi`].
    pub xi: Vec<f64>,
}

impl History {
    /// The recorded columns by name.
    pub fn columns(&self) -> impl Iterator<Item = (&'static str, &Vec<f64>)> {
        [
            ("loss", &self.loss),
            ("temperature", &self.temperature),
            ("relative_bias", &self.relative_bias),
            ("margin", &self.margin),
            ("optimal_relative_bias", &self.optimal_relative_bias),
            ("xi", &self.xi),
        ]
        .into_iter()
        .filter(|(_, column)| !column.is_empty())
    }
}

/// What to record at every epoch beside loss, temperature and relative bias.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Record {
    /// Margin and optimal relative bias.
    pub margin: bool,
    /// xi with norms, mean ||U_i - V_i|| - ||mean (U_i - V_i)||, of the first two modalities
    /// ([`crate::geometry::xi`]).
    pub xi: bool,
}

impl Record {
    /// Margin and optimal relative bias.
    pub const MARGIN: Self = Self { margin: true, xi: false };
    /// xi alone.
    pub const XI: Self = Self { margin: false, xi: true };
}
