//! What a notebook needs: `use siglip_core::prelude::*;`.

pub use constellation::BiasKind::{Absolute, Relative};
pub use constellation::Numerics::{Exact, Paper};
pub use constellation::geometry::{self, Certificate, Constellation, LabelledGeometry, Similarities, theory};
pub use constellation::numbers::{self, equidistant};
pub use constellation::sweep::Plan;
pub use constellation::transition::Transition;
pub use constellation::{
    Bias, BiasKind, EngineChoice, Ensemble, Experiment, Geometry, History, Loss, Numerics, Outcome, Record,
    Run, Runs, Schedule, Settings, Sweep, Temperature, TemperatureForm, best,
};
pub use figures::{self, Figure, Histogram, Panel, Scale, Series};
pub use notebook::{
    Notebook, Result, RunExt, RunsExt, Show, ShowTable, Spread, Table, check, compare_over_epochs, explore,
    histogram_without_adapter, mean_over_epochs, outcomes_over, outcomes_table, over_parameter,
    phase_diagram,
};

pub use crate::open;
#[cfg(feature = "models")]
pub use {
    constellation::geometry::ModalityGap,
    models::{Collection, Dtype, Embedded, Embedder, Embeddings, Part, Pictures},
    notebook::{collection, own_embeddings, trained},
};
