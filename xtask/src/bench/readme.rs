//! The README's tables of measurements: columns of those in `logs/benchmarks`.

use anyhow::{Context, Result, ensure};

use crate::{files, project::Project};

/// What stands before a table: its file, and the numbers of its columns if these are not all.
const MARK: (&str, &str) = ("<!-- table of logs/benchmarks/", " -->");

/// Brings the README's tables up to date.
///
/// # Errors
/// If a file is missing, or has not what the README wants of it.
pub(super) fn update(project: &Project) -> Result<()> {
    let readme = project.root().join("README.md");
    let text = std::fs::read_to_string(&readme).with_context(|| readme.display().to_string())?;
    files::write(&readme, with_tables(project, &text)?)
}

/// `text` with the tables that its marks name.
fn with_tables(project: &Project, text: &str) -> Result<String> {
    let mut lines = text.lines().peekable();
    let mut updated = Vec::new();
    while let Some(line) = lines.next() {
        updated.push(line.to_owned());
        let Some(mark) = line.strip_prefix(MARK.0).and_then(|rest| rest.strip_suffix(MARK.1)) else {
            continue;
        };
        let (file, columns) = mark.split_once(' ').unwrap_or((mark, ""));
        let file = project.logs().join("benchmarks").join(file);
        let page = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        updated.extend(first_table(&page, columns).with_context(|| line.to_owned())?);
        while lines.next_if(|line| line.starts_with('|')).is_some() {}
    }
    Ok(updated.join("\n") + "\n")
}

/// The first table of a page, with the columns of these numbers, counted from 1, or with all.
fn first_table(page: &str, columns: &str) -> Result<Vec<String>> {
    let columns: Vec<usize> = columns.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let rows =
        page.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let rows: Vec<String> = rows
        .map(|row| {
            if columns.is_empty() {
                return Ok(row.to_owned());
            }
            let cells: Vec<&str> = row.split('|').collect();
            let wanted = columns.iter().map(|&column| cells.get(column).copied());
            let wanted =
                wanted.collect::<Option<Vec<_>>>().with_context(|| format!("too few columns: {row}"))?;
            Ok(format!("|{}|", wanted.join("|")))
        })
        .collect::<Result<_>>()?;
    ensure!(rows.len() > 2, "no table");
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# T\n\n| | a | b |\n|---|---|---|\n| x | 1 | 2 |\n\n| another |\n";

    #[test]
    fn columns_are_those_that_are_wanted() {
        assert_eq!(first_table(PAGE, "").unwrap(), ["| | a | b |", "|---|---|---|", "| x | 1 | 2 |"]);
        assert_eq!(first_table(PAGE, "1 3").unwrap(), ["| | b |", "|---|---|", "| x | 2 |"]);
        for (page, columns) in [(PAGE, "1 9"), (PAGE, "one"), ("no table", "")] {
            assert!(first_table(page, columns).is_err(), "{columns}");
        }
    }

    #[test]
    fn the_readme_shows_what_was_measured() {
        let project = Project::find().unwrap();
        if std::env::var_os("README").is_some_and(|what| what == "write") {
            update(&project).unwrap();
        }
        let readme = std::fs::read_to_string(project.root().join("README.md")).unwrap();
        assert!(readme.matches(MARK.0).count() >= 3);
        let expected = with_tables(&project, &readme).unwrap();
        assert!(
            readme == expected,
            "the README's tables are not those of logs/benchmarks: `README=write cargo test -p xtask readme`"
        );
        // A number that is changed by hand is found.
        let changed = readme.replacen("| siglip embed, f32 |", "| siglip embed, f32 | 99", 1);
        assert!(changed != expected && with_tables(&project, &changed).unwrap() == expected);
    }
}
