//! What a notebook needs: `use siglip_core::prelude::*;`.

pub use crate::BiasKind::{Absolute, Relative};
pub use crate::Numerics::{Exact, Paper};
pub use crate::collection::{Collection, Embedded, Part};
pub use crate::explorer::explore;
pub use crate::figures::{self, Axis, Figure, Histogram, Panel, Series};
pub use crate::geometry::{self, Certificate, Constellation, LabelledGeometry, ModalityGap, Similarities};
pub use crate::logbook::{Logbook, Published, Tolerance, published};
pub use crate::pretrained::{Dtype, Embedder, Embeddings};
pub use crate::runs::{Ensemble, Ensembles, Runs, ensembles_table, mean_and_deviation};
pub use crate::{
    Bias, EngineChoice, Experiment, Geometry, Numerics, Record, Run, Settings, Sweep, Temperature, display,
    view, view::Spread,
};
