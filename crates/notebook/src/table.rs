//! Tables of text.

use std::fmt::Write;

use explorer::escape;

/// A table of text: HTML in a notebook, aligned columns elsewhere.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// Column titles.
    pub header: Vec<String>,
    /// Cells; a first cell is a row's title.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these column titles.
    pub fn new<S: ToString>(header: &[S]) -> Self {
        Self { header: header.iter().map(S::to_string).collect(), rows: Vec::new() }
    }

    /// The table with one more row.
    #[must_use]
    pub fn row<S: ToString>(mut self, cells: &[S]) -> Self {
        self.rows.push(cells.iter().map(S::to_string).collect());
        self
    }

    /// The table as HTML.
    pub fn html(&self) -> String {
        let row = |cells: &[String], tag: &str| {
            let cells: String = cells
                .iter()
                .enumerate()
                .map(|(column, cell)| {
                    let align = if column == 0 { "left" } else { "right" };
                    format!("<{tag} style=\"text-align:{align}\">{}</{tag}>", escape(cell))
                })
                .collect();
            format!("<tr>{cells}</tr>")
        };
        let body: String = self.rows.iter().map(|cells| row(cells, "td") + "\n").collect();
        format!("<table>\n<thead>{}</thead>\n<tbody>\n{body}</tbody>\n</table>", row(&self.header, "th"))
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let lines = || std::iter::once(&self.header).chain(&self.rows);
        let columns = lines().map(Vec::len).max().unwrap_or(0);
        let width = |column| {
            lines().filter_map(|line| line.get(column)).map(|cell: &String| cell.chars().count()).max()
        };
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        for line in lines() {
            let mut text = String::new();
            for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
                match column {
                    0 => write!(text, "{cell:<width$}")?,
                    _ => write!(text, "  {cell:>width$}")?,
                }
            }
            writeln!(f, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_and_escaped() {
        let table = Table::new(&["run", "t"]).row(&["a < b", "1.5"]).row(&["c", "100.25"]);
        assert_eq!(table.to_string(), "run         t\na < b     1.5\nc      100.25\n");
        assert!(table.html().contains("a &lt; b") && !table.html().contains("a < b"));
    }
}
