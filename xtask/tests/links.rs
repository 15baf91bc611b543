//! Links of the committed pages and notebooks into the project: what they name is there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use xtask::{files, project::Project};

/// The targets of a page's links that are paths; in Markdown a link is `[words](target)`.
fn paths(page: &str) -> impl Iterator<Item = &str> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split([')', '\n']).next());
    let paths = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
    paths.map(|target| target.split('#').next().unwrap_or(target))
}

/// The text of a page; of a notebook that of its cells of text.
fn text(file: &Path) -> String {
    let content = fs::read_to_string(file).unwrap();
    if file.extension().is_some_and(|ending| ending == "md") {
        return content;
    }
    let notebook: Value = serde_json::from_str(&content).unwrap();
    let cells = notebook["cells"].as_array().unwrap().iter().filter(|cell| cell["cell_type"] == "markdown");
    let lines = cells.flat_map(|cell| match &cell["source"] {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect::<Vec<_>>(),
        whole => whole.as_str().into_iter().collect(),
    });
    lines.collect()
}

#[test]
fn what_the_pages_link_to_is_there() {
    let project = Project::find().unwrap();
    let beside = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let mut pages = beside(project.root());
    pages.extend(["cluster", "fuzz", "notebooks"].iter().flat_map(|name| beside(&project.root().join(name))));
    for folder in ["data", "logs"] {
        pages.extend(files::below(&project.root().join(folder)).unwrap());
    }
    pages.retain(|file| file.extension().is_some_and(|ending| ending == "md" || ending == "ipynb"));
    let mut links = 0;
    let mut broken = Vec::new();
    for page in &pages {
        for path in paths(&text(page)) {
            links += 1;
            if !page.with_file_name(path).exists() {
                broken.push(format!("{}: {path}", page.display()));
            }
        }
    }
    assert!(links > 50, "only {links} links in {} pages", pages.len());
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn links_are_told_from_addresses() {
    let page = "[a](b/c.md), [d](https://e.f), ![g](h.png#i) and [j](#k)\nf[0](x";
    assert_eq!(paths(page).collect::<Vec<_>>(), ["b/c.md", "h.png", "x"]);
}
