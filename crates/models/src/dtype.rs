//! In what numbers a model computes.

use serde::{Deserialize, Serialize};
use tch::Kind;

/// Type of weights and activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// float32, as published.
    #[default]
    F32,
    /// bfloat16: faster on processors with AMX or AVX-512 BF16, slower on others;
    /// cosines to float32 are about 0.9999.
    Bf16,
    /// Products of 8-bit integers, and bfloat16 between them: faster again on processors with AVX-512
    /// VNNI. Each output's weights have a scale, and so has what enters a layer for each image or text.
    /// Cosines to float32 are above 0.9995 for random weights.
    Int8,
}

impl Dtype {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::F32 => Kind::Float,
            Self::Bf16 | Self::Int8 => Kind::BFloat16,
        }
    }
}
