//! The crates of the workspace and their modules: none is part of a cycle, and `ARCHITECTURE.md` shows them
//! as they are. With `ARCHITECTURE=write` in the environment the page is brought up to date.
//!
//! A crate cannot be part of a cycle of crates; cargo sees to that. Of modules this is the rule: among the
//! submodules of a module and that module's own code, what uses what has no cycle. Submodules stand for
//! all that is in them. So a submodule may use its parent's items, if the parent's own code does not use
//! the submodule; and a parent may use its submodules, and re-export from them, if they do not use its
//! items.

mod imports;

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
};

use imports::Names;
use serde::Deserialize;
use xtask::{files, process, project::Project};

/// Between these lines of the page stands the picture.
const MARKS: [&str; 2] =
    ["<!-- `ARCHITECTURE=write cargo test --package xtask` writes this -->\n", "<!-- until here -->\n"];

/// What uses what.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// What `cargo metadata` tells of the workspace; the fields that the graph shows.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `dev` or `build`, or nothing.
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    src_path: PathBuf,
}

#[test]
fn nothing_is_part_of_a_cycle_and_the_page_shows_what_there_is() {
    let project = Project::find().unwrap();
    let page = project.root().join("ARCHITECTURE.md");
    let text = fs::read_to_string(&page).unwrap();
    let wanted = with_picture(&text, &picture(&project));
    if env::var_os("ARCHITECTURE").is_some_and(|what| what == "write") {
        files::write(&page, &wanted).unwrap();
    } else {
        let command = "ARCHITECTURE=write cargo test --package xtask --test architecture";
        assert!(text == wanted, "ARCHITECTURE.md shows other modules than there are: run `{command}`");
    }
}

fn with_picture(text: &str, picture: &str) -> String {
    let (before, rest) = text.split_once(MARKS[0]).expect("the page has a place for the picture");
    let (_, after) = rest.split_once(MARKS[1]).expect("the place has an end");
    [before, MARKS[0], picture, MARKS[1], after].concat()
}

/// The picture of the project, in Markdown.
fn picture(project: &Project) -> String {
    let mut cargo = process::cargo();
    cargo.current_dir(project.root()).args(["metadata", "--no-deps", "--format-version", "1"]);
    let Metadata { packages } = serde_json::from_str(&process::output(&mut cargo).unwrap()).unwrap();
    let names: BTreeSet<_> = packages.iter().map(|package| package.name.clone()).collect();
    let crates = packages.iter().map(|package| {
        let used = package.dependencies.iter().filter(|used| used.kind.is_none());
        let used = used.map(|used| used.name.clone()).filter(|name| names.contains(name));
        (package.name.clone(), used.collect())
    });
    let mut text = mermaid(&crates.collect());
    let mut cycles = Vec::new();
    for Package { name, targets, .. } in &packages {
        let is_library = |target: &&Target| target.kind.iter().any(|kind| kind == "lib");
        if let Some(library) = targets.iter().find(is_library) {
            match modules(&library.src_path) {
                Ok(modules) if modules.is_empty() => {}
                Ok(modules) => text += &format!("\n`{name}`:\n\n{}", mermaid(&modules)),
                Err(cycle) => cycles.push(format!("{name}: {cycle}")),
            }
        }
    }
    assert!(cycles.is_empty(), "{}", cycles.join("\n"));
    text
}

/// What uses what among the modules in the root of a crate; or, there or further down, a cycle.
fn modules(root: &Path) -> Result<Graph, String> {
    let mut levels: BTreeMap<Names, Graph> = BTreeMap::new();
    for (user, all_used) in imports::uses(root) {
        if let Some((_, parent)) = user.split_last() {
            let level = levels.entry(parent.to_vec()).or_default();
            level.entry(node(parent, &user)).or_default();
        }
        for used in all_used {
            let common = user.iter().zip(&used).take_while(|(a, b)| a == b).count();
            let parent = &user[..common];
            let level = levels.entry(parent.to_vec()).or_default();
            level.entry(node(parent, &user)).or_default().insert(node(parent, &used));
        }
    }
    for (parent, level) in &levels {
        let is_in_cycle = |a: &str, b: &str| reached(level, a).contains(b) && reached(level, b).contains(a);
        let cycle: Vec<_> = level
            .iter()
            .flat_map(|(user, used)| used.iter().map(move |used| (user, used)))
            .filter(|(user, used)| is_in_cycle(user, used))
            .map(|(user, used)| format!("{user} -> {used}"))
            .collect();
        if !cycle.is_empty() {
            let place = if parent.is_empty() { "the root".to_owned() } else { parent.join("::") };
            return Err(format!("modules of {place} use each other in a cycle: {}", cycle.join(", ")));
        }
    }
    Ok(levels.remove(&Vec::new()).unwrap_or_default())
}

/// The submodule of `parent` that is or has `module`, or the parent's own code.
fn node(parent: &[String], module: &Names) -> String {
    module.get(parent.len()).cloned().unwrap_or_else(|| "its own code".to_owned())
}

/// Everything that `start` uses, by whatever it uses.
fn reached<'a>(graph: &'a Graph, start: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = graph.get(start).into_iter().flatten().map(String::as_str).collect();
    while let Some(name) = next.pop() {
        if reached.insert(name) {
            next.extend(graph.get(name).into_iter().flatten().map(String::as_str));
        }
    }
    reached
}

/// The graph without what follows from the rest of it.
fn mermaid(graph: &Graph) -> String {
    let mut text = String::from("```mermaid\ngraph LR\n");
    for (user, all_used) in graph {
        let follows = |used: &str| all_used.iter().any(|other| reached(graph, other).contains(used));
        // By itself a name could be a word of the language, such as `style`.
        let id = |name: &str| format!("m_{}[{name}]", name.replace(' ', "_"));
        if all_used.is_empty() {
            text += &format!("  {}\n", id(user));
        }
        for used in all_used.iter().filter(|used| !follows(used)) {
            text += &format!("  {} --> {}\n", id(user), id(used));
        }
    }
    text + "```\n"
}

/// What uses what in the root of a crate of these files, or the cycle.
fn of(sources: &[(&str, &str)]) -> Result<Graph, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in sources {
        files::write(&folder.path().join(name), text).unwrap();
    }
    modules(&folder.path().join("lib.rs"))
}

fn graph(edges: &[(&str, &[&str])]) -> Graph {
    let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    edges.iter().map(|(user, used)| ((*user).to_owned(), owned(used))).collect()
}

#[test]
fn imports_and_paths_are_uses() {
    let found = of(&[
        ("lib.rs", "mod a; mod b; mod c; mod d; mod e; pub use d::Deep;"),
        ("a.rs", "use crate::{b::{self, B as Other}, d::inner::*};\nuse std::fs;"),
        ("b.rs", "fn f() { println!(\"{} crate::a\", super::c::g()) } // crate::a"),
        ("c.rs", "/// [`crate::a`]\npub(super) fn g() {}"),
        ("d/mod.rs", "pub mod inner; pub use inner::Deep;"),
        ("d/inner.rs", "pub struct Deep(crate::c::C);"),
        ("e.rs", "pub(crate) use crate::Deep;"),
    ]);
    let expected = graph(&[("a", &["b", "d"]), ("b", &["c"]), ("c", &[]), ("d", &["c"]), ("e", &["d"])]);
    assert_eq!(found, Ok(expected));
}

#[test]
fn cycles_are_found() {
    let cycle = |sources: &[(&str, &str)]| of(sources).unwrap_err();
    let three = cycle(&[
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use super::b::B;"),
        ("b.rs", "fn f() { vec![crate::c::C] }"),
        ("c.rs", "use crate::{a};"),
        ("d.rs", "use crate::a;"),
    ]);
    assert!(three.ends_with("the root use each other in a cycle: a -> b, b -> c, c -> a"), "{three}");
    // By a name that the root only passes on.
    let hidden = cycle(&[
        ("lib.rs", "mod a; mod b; pub use b::B;"),
        ("a.rs", "use crate::B;"),
        ("b.rs", "use crate::a;"),
    ]);
    assert!(hidden.ends_with("a -> b, b -> a"), "{hidden}");
    let below = cycle(&[
        ("lib.rs", "mod a;"),
        ("a/mod.rs", "mod b; mod c;"),
        ("a/b.rs", "use super::c;"),
        ("a/c.rs", "use crate::a::b;"),
    ]);
    assert!(below.contains("modules of a use"), "{below}");
}

#[test]
fn a_parent_and_its_submodule_use_each_other_only_one_way() {
    let of_parent = |parent: &str, submodule: &str| {
        of(&[("lib.rs", "mod a;"), ("a/mod.rs", parent), ("a/b.rs", submodule)])
    };
    let uses_parent = "use super::A;";
    for parent in ["mod b; pub struct A;", "mod b; pub struct A; pub use b::B;"] {
        assert!(of_parent(parent, uses_parent).is_ok(), "{parent}");
    }
    for parent in [
        "mod b; use b::B; pub struct A;",
        "mod b; pub struct A; fn f() { b::f() }",
        "mod b; pub struct A(B); pub use b::B;",
    ] {
        assert!(of_parent(parent, "pub struct B;").is_ok(), "{parent}");
        let cycle = of_parent(parent, uses_parent).unwrap_err();
        assert!(cycle.ends_with("b -> its own code, its own code -> b"), "{cycle}");
    }
}

#[test]
fn tests_are_left_out() {
    let found = of(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b; #[cfg(test)] mod tests { use crate::b; } #[cfg(test)] mod more;"),
        ("b.rs", "#[cfg(test)]\nuse crate::a;\n#[cfg(test)]\nmod tests { use crate::a; }"),
    ]);
    assert_eq!(found, Ok(graph(&[("a", &["b"]), ("b", &[])])));
}

#[test]
fn the_picture_has_what_does_not_follow_and_is_put_in_its_place() {
    let picture = mermaid(&graph(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])]));
    assert_eq!(picture, "```mermaid\ngraph LR\n  m_a[a] --> m_b[b]\n  m_b[b] --> m_c[c]\n  m_c[c]\n```\n");
    let page = format!("# Before\n{}old\n{}After\n", MARKS[0], MARKS[1]);
    let page = with_picture(&page, &picture);
    assert_eq!(page, format!("# Before\n{}{picture}{}After\n", MARKS[0], MARKS[1]));
}
