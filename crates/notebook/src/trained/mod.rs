//! Embedded pictures and names as figures and tables: what the notebooks of trained
//! models show.

mod gaps;
mod models;
mod pictures;
mod published;
mod show;

pub use gaps::{Gaps, gaps_over_bias, table_of_gaps};
pub use models::{Computed, figure_of_models, table_of_distances, table_of_extremes, table_of_models};
pub use pictures::{evenly_spaced, gap_table, geometry_table, histogram, nearest_names, sides};
pub use published::{PUBLISHED, PublishedModel, against_published};
