//! What embeddings and their geometry show as a cell's last expression.

use constellation::geometry::LabelledGeometry;
use constellation::numbers::{percent, short, thousands};
use figures::Figure;
use models::{Embedded, Embeddings, Part};

use super::pictures::{geometry_table, histogram};
use crate::error::Result;
use crate::show::{Show, ShowTable, send_table, send_text};
use crate::table::Table;

/// How far names are told apart, and how often retrieval succeeds.
impl ShowTable for LabelledGeometry {
    fn table(&self) -> Table {
        Table::new(&["embeddings", "value"])
            .row(&["pictures".to_owned(), thousands(self.images)])
            .row(&["names".to_owned(), thousands(self.texts)])
            .row(&["dimension".to_owned(), self.dim.to_string()])
            .row(&["mean matching similarity".to_owned(), short(self.matching.mean)])
            .row(&["mean non-matching similarity".to_owned(), short(self.non_matching.mean)])
            .row(&["margin m".to_owned(), short(self.margin)])
            .row(&["top-1, picture to name".to_owned(), percent(self.image_to_text.top_1)])
            .row(&["top-5, picture to name".to_owned(), percent(self.image_to_text.top_5)])
    }
}

/// Its numbers beside its similarities.
impl Show for LabelledGeometry {
    fn evcxr_display(&self) {
        send_table(&self.table(), similarities(&[("", self)], None));
    }
}

/// Their geometry.
impl Show for Embeddings {
    fn evcxr_display(&self) {
        match LabelledGeometry::of(self.image.view(), self.class_text.view(), &self.labels()) {
            Ok(geometry) => geometry.evcxr_display(),
            Err(error) => send_text(&error.to_string()),
        }
    }
}

/// The geometry of its embeddings.
impl Show for Part {
    fn evcxr_display(&self) {
        self.embeddings.evcxr_display();
    }
}

/// The geometry of each part.
impl Show for Embedded {
    fn evcxr_display(&self) {
        let figure = || {
            let geometries =
                self.parts.iter().map(|part| Ok(part.geometry()?)).collect::<Result<Vec<_>>>()?;
            let labels = self.parts.iter().map(|part| part.label.as_str());
            similarities(&labels.zip(&geometries).collect::<Vec<_>>(), Some(self.relative_bias))
        };
        match geometry_table(self) {
            Ok(table) => send_table(&table, figure()),
            Err(error) => send_text(&error.to_string()),
        }
    }
}

fn similarities(geometries: &[(&str, &LabelledGeometry)], relative_bias: Option<f64>) -> Result<Figure> {
    let panel = |&(label, geometry): &(&str, &LabelledGeometry)| histogram(label, geometry, relative_bias);
    let panels = geometries.iter().map(panel).collect::<Result<Vec<_>>>()?;
    Ok(figures::histograms("", panels.len().min(2), &panels)?)
}
