//! Embedded pictures and names as figures and tables: what the notebooks of trained
//! models show.

mod gaps;
mod models;
mod pictures;
mod published;
mod show;

pub use gaps::{Gaps, gaps_over_bias, table_of_gaps};
pub use models::{
    Computed, Learned, figure_of_models, figure_of_similarities, table_of_distances, table_of_extremes,
    table_of_models, table_of_sides,
};
pub use pictures::{embed, evenly_spaced, geometry_table, nearest_names};
pub use published::{PUBLISHED, PublishedModel, against_published};
