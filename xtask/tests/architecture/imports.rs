//! What the modules of a crate use of each other, as far as it is written: paths that begin at `crate`,
//! `super`, `self` or a submodule. Code for tests is left out; that a method is defined in another
//! module than its type is not seen.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A module, or an item in it, by its names from the crate's root on; the root itself is empty.
pub(super) type Names = Vec<String>;

/// What one module says.
#[derive(Debug, Default)]
struct Module {
    imports: Vec<Import>,
    /// Paths outside of imports.
    paths: Vec<Names>,
    /// Every other name.
    names: BTreeSet<String>,
}

#[derive(Debug)]
struct Import {
    path: Names,
    /// What it is called here.
    name: String,
    is_public: bool,
}

/// The modules of the crate whose root is the file `root`, with those that each uses.
///
/// A name that a module only re-exports counts as a name of where it is defined; so a re-export of
/// something in a submodule is no use of it.
pub(super) fn uses(root: &Path) -> BTreeMap<Names, BTreeSet<Names>> {
    let mut modules = BTreeMap::new();
    read(root, root.parent().unwrap(), &[], &mut modules);
    let mut uses = BTreeMap::new();
    for (name, module) in &modules {
        let is_re_export = |import: &Import, home: &Names| {
            import.is_public && home.starts_with(name) && !module.names.contains(&import.name)
        };
        let imports = module.imports.iter().filter_map(|import| {
            let home = home(&modules, name, &import.path)?;
            (!is_re_export(import, &home)).then_some(home)
        });
        let paths = module.paths.iter().filter_map(|path| home(&modules, name, path));
        let used: BTreeSet<_> = imports.chain(paths).filter(|used| used != name).collect();
        uses.insert(name.clone(), used);
    }
    uses
}

/// Reads the module `name` from a file; those in it are in `folder`.
fn read(file: &Path, folder: &Path, name: &[String], modules: &mut BTreeMap<Names, Module>) {
    let tokens: TokenStream = fs::read_to_string(file).unwrap().parse().unwrap();
    let mut module = Module::default();
    let mut submodules = Vec::new();
    scan(&tokens.into_iter().collect::<Vec<_>>(), &mut module, &mut submodules);
    // A path may begin at a submodule, which is then no other name.
    module.paths.retain(|path| is_root(&path[0]) || submodules.contains(&path[0]));
    modules.insert(name.to_vec(), module);
    for submodule in submodules {
        let below = folder.join(&submodule);
        let files = [below.with_extension("rs"), below.join("mod.rs")];
        let file = files.iter().find(|file| file.exists());
        let file = file.unwrap_or_else(|| panic!("no file of the module {}", below.display()));
        read(file, &below, &[name, &[submodule]].concat(), modules);
    }
}

fn is_root(name: &str) -> bool {
    ["crate", "self", "super"].contains(&name)
}

/// Collects what `tokens` import and name, and the submodules that they declare.
fn scan(tokens: &[TokenTree], module: &mut Module, submodules: &mut Names) {
    let mut rest = tokens;
    let mut is_public = false;
    while let [first, after @ ..] = rest {
        rest = after;
        match (first.to_string().as_str(), after) {
            ("#", [TokenTree::Group(attribute), after @ ..]) if is_for_tests(&attribute.stream()) => {
                let is_end = |token: &TokenTree| {
                    token.to_string() == ";"
                        || matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
                };
                let end = after.iter().position(is_end).map_or(after.len(), |end| end + 1);
                rest = &after[end..];
            }
            ("mod", [TokenTree::Ident(name), TokenTree::Punct(end), after @ ..]) if end.as_char() == ';' => {
                submodules.push(name.to_string());
                rest = after;
            }
            // Not `impl Trait + use<'a>`.
            ("use", [next, ..]) if next.to_string() != "<" => {
                let end = after.iter().position(|token| token.to_string() == ";").unwrap_or(after.len());
                import(&after[..end], &[], is_public, &mut module.imports);
                rest = &after[end..];
            }
            ("pub", _) => {
                is_public = true;
                continue;
            }
            // `pub(crate)` and its like
            ("(crate)" | "(super)" | "(self)", _) if is_public => continue,
            // `..`, or a field or a method
            (".", [TokenTree::Punct(_) | TokenTree::Ident(_), after @ ..]) => rest = after,
            (_, _) => match first {
                TokenTree::Group(group) => {
                    scan(&group.stream().into_iter().collect::<Vec<_>>(), module, submodules);
                }
                TokenTree::Ident(_) => {
                    let (path, after) = path(rest, first.to_string());
                    module.names.insert(path[0].clone());
                    module.paths.extend((path.len() > 1).then_some(path));
                    rest = after;
                }
                _ => {}
            },
        }
        is_public = false;
    }
}

fn is_for_tests(attribute: &TokenStream) -> bool {
    let text = attribute.to_string();
    text.starts_with("cfg") && text.contains("test")
}

/// The path that begins with `first`, and what follows it.
fn path(mut rest: &[TokenTree], first: String) -> (Names, &[TokenTree]) {
    let mut path = vec![first];
    while let [colon, second, TokenTree::Ident(name), after @ ..] = rest {
        if colon.to_string() != ":" || second.to_string() != ":" {
            break;
        }
        path.push(name.to_string());
        rest = after;
    }
    (path, rest)
}

/// Collects the imports of a `use`, or of braces in it, that continue `before`.
fn import(tokens: &[TokenTree], before: &[String], is_public: bool, imports: &mut Vec<Import>) {
    for tokens in tokens.split(|token| token.to_string() == ",") {
        let [TokenTree::Ident(first), rest @ ..] = tokens else { continue };
        let (path, rest) = path(rest, first.to_string());
        let mut path = [before, &path].concat();
        match rest {
            [.., TokenTree::Group(group)] => {
                import(&group.stream().into_iter().collect::<Vec<_>>(), &path, is_public, imports);
            }
            [.., TokenTree::Ident(alias)] => {
                imports.push(Import { path, name: alias.to_string(), is_public });
            }
            _ => {
                if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
                    path.pop();
                }
                let name = if rest.is_empty() { path.last().cloned() } else { None };
                imports.push(Import { path, name: name.unwrap_or_default(), is_public });
            }
        }
    }
}

/// The module in which that is defined which `path` names in the module `from`; none if it is in another
/// crate.
fn home(modules: &BTreeMap<Names, Module>, from: &Names, path: &[String]) -> Option<Names> {
    let mut place = from.clone();
    let mut rest = path;
    while let [first, after @ ..] = rest {
        match first.as_str() {
            "crate" => place.clear(),
            "self" => {}
            "super" => drop(place.pop()),
            name => {
                let submodule = [place.as_slice(), &[name.to_owned()]].concat();
                if !modules.contains_key(&submodule) {
                    break;
                }
                place = submodule;
            }
        }
        rest = after;
    }
    if rest.len() == path.len() {
        return None; // begins neither at a root nor at a submodule
    }
    let Some(item) = rest.first() else { return Some(place) };
    match modules.get(&place)?.imports.iter().find(|import| import.name == *item) {
        Some(import) if import.path != path || place != *from => home(modules, &place, &import.path),
        _ => Some(place),
    }
}
