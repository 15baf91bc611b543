//! The front page of the web site: an explorer that trains at once, guided experiments, a gallery.

use std::io::Write as _;
use std::path::Path;

use constellation::Experiment;

use crate::data::ExplorerData;
use crate::error::{Error, Result};
use crate::explorer::Explorer;
use crate::page::{self, escape};

/// A notebook in the front page's gallery.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its title, as HTML.
    pub title: String,
    /// A paragraph about it, as HTML.
    pub about: String,
    /// Where its page is, from the front page.
    pub page: String,
    /// Where a picture of it is, from the front page; none if it has none.
    pub picture: Option<String>,
}

/// Writes the front page to `path`: `entries` in the order in which they are read, and a link to
/// the `report` if there is one. `still` is the PNG that stands where scripts do not run, or empty.
///
/// # Errors
/// [`Error::File`] if `path` cannot be written, [`Error::Data`] if the picture is too large.
pub fn write_front(
    path: impl AsRef<Path>,
    entries: &[Entry],
    report: Option<&str>,
    still: Vec<u8>,
) -> Result<()> {
    let experiment = Experiment { pairs: 20, dim: 3, ..Experiment::default() };
    let run = experiment.train().map_err(|error| Error::Data(error.to_string()))?;
    let explorer = Explorer::new(&ExplorerData { starts: true, ..ExplorerData::of(&run, still) })?;
    let cards: String = entries.iter().map(card).collect();
    let report = report.map_or(String::new(), |address| {
        format!(
            "<p>All published numbers beside those obtained: <a href=\"{}\">the report</a>.</p>\n",
            escape(address)
        )
    });
    let body = format!(
        "<style>\n{}</style>\n{}{}\n<section class=\"notebooks\">\n<h2>The notebooks</h2>\n{report}<div class=\"gallery\">\n{cards}</div>\n</section>\n\
         <script>\n{}</script>",
        include_str!("page/front.css"),
        include_str!("page/front.html"),
        explorer.html(),
        include_str!("page/front.js"),
    );
    let document = page::document("Global minimizers of the sigmoid contrastive loss", &body);
    Ok(files::write_whole(path.as_ref(), |file| Ok(file.write_all(document.as_bytes())?))?)
}

fn card(Entry { title, about, page, picture }: &Entry) -> String {
    let page = escape(page);
    let picture = picture.as_ref().map_or(String::new(), |picture| {
        format!(
            "<a href=\"{page}\" tabindex=\"-1\"><img alt=\"\" loading=\"lazy\" src=\"{}\"></a>\n",
            escape(picture)
        )
    });
    format!("<article>\n{picture}<h3><a href=\"{page}\">{title}</a></h3>\n{about}\n</article>\n")
}
