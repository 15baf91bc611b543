//! What a notebook says about itself and its figures.

use serde_json::Value;

use super::{code_cells, text};

/// The title: the first heading, without its mark.
#[must_use]
pub fn title(notebook: &Value) -> Option<String> {
    let opening = text(&notebook["cells"].get(0)?["source"]);
    Some(opening.lines().next()?.trim_start_matches('#').trim().to_owned()).filter(|title| !title.is_empty())
}

/// What is claimed: the first paragraph after the title.
#[must_use]
pub fn claim(notebook: &Value) -> Option<String> {
    paragraphs(notebook["cells"].get(0)?).into_iter().next()
}

/// What is seen in the figure `file`: the first paragraph after the cell that draws it.
#[must_use]
pub fn caption(notebook: &Value, file: &str) -> Option<String> {
    let quoted = format!("\"{file}\"");
    let drawing = code_cells(notebook).find(|cell| text(&cell["source"]).contains(&quoted))?;
    let cells = notebook["cells"].as_array()?;
    let next = cells.iter().skip_while(|cell| cell["id"] != drawing["id"]).nth(1)?;
    let first = text(&next["source"]);
    (next["cell_type"] == "markdown" && !first.starts_with('#'))
        .then(|| paragraphs(next).into_iter().next())
        .flatten()
}

/// Paragraphs of a text cell that are no headings.
fn paragraphs(cell: &Value) -> Vec<String> {
    let source = text(&cell["source"]);
    let paragraphs = source.split("\n\n").map(str::trim);
    paragraphs.filter(|text| !text.is_empty() && !text.starts_with('#')).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn title_claim_and_captions_are_found() {
        let markdown = |id: &str, text: &str| json!({"cell_type": "markdown", "id": id, "source": text});
        let code = |id: &str, text: &str| json!({"cell_type": "code", "id": id, "source": [text]});
        let notebook = json!({"cells": [
            markdown("a", "# Title\n\n**Claim.** So it is.\n\nTakes a minute."),
            code("b", "log.figure(\"one.png\", …)"),
            markdown("c", "Seen here.\n\n## Next"),
            code("d", "log.figure(\"two.png\", …)"),
            markdown("e", "## Not a caption\n\nText"),
            code("f", "log.figure(\"three.png\", …)"),
        ]});
        assert_eq!(title(&notebook).as_deref(), Some("Title"));
        assert_eq!(claim(&notebook).as_deref(), Some("**Claim.** So it is."));
        assert_eq!(caption(&notebook, "one.png").as_deref(), Some("Seen here."));
        for without in ["two.png", "three.png", "four.png"] {
            assert_eq!(caption(&notebook, without), None);
        }
        assert_eq!(title(&json!({"cells": []})), None);
    }
}
