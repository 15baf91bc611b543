//! The C++ of torch-sys, compiled once for all that is built here.
//!
//! Cargo would compile it for each kind of build anew: the kernels', the tests', the command line's. What is
//! written here takes the place of torch-sys's build script. `.cargo/shared.toml` includes it, which needs
//! cargo 1.94; an older one compiles the C++ itself, as one does before any set-up.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{
    files::{self, Stamp},
    libtorch, process,
    progress::Run,
    project::{self, Project},
};

const ARCHIVE: &str = "libtch.a";
const FILES: [&str; 2] = ["torch_api", "torch_api_generated"];

/// As torch-sys has it, but optimised no more than pays: what is compiled only hands over to libtorch.
const FLAGS: [&str; 7] =
    ["-O1", "-fPIC", "-ffunction-sections", "-fdata-sections", "-std=c++17", "-w", "-DGLOG_USE_GLOG_EXPORT"];

fn folder(project: &Project) -> PathBuf {
    project.tools().join("torch-sys")
}

/// What cargo is to do instead of running the build script; empty before it was compiled.
pub(crate) fn configuration(project: &Project) -> String {
    fs::read_to_string(folder(project).join("config.toml")).unwrap_or_default()
}

/// Whether the C++ is there, of this libtorch and this compiler. `rustc` is what `rustc -vV` prints.
///
/// # Errors
/// If there is no compiler, or no lock file.
pub fn is_ready(project: &Project, rustc: &str) -> Result<bool> {
    let is_compiled = stamp(project)?.is_at(&folder(project).join("stamp"));
    Ok(is_compiled && configuration(project) == in_place_of_the_script(project, rustc)?)
}

/// Compiles the C++ if it is not there, or takes it from the user's cache.
///
/// # Errors
/// If it cannot be compiled.
pub fn ready(project: &Project, rustc: &str, run: Run) -> Result<()> {
    if is_ready(project, rustc)? {
        return Ok(());
    }
    let (folder, stamp) = (folder(project), stamp(project)?);
    if !stamp.is_at(&folder.join("stamp")) {
        files::remove(&folder)?;
        fs::create_dir_all(&folder)?;
        let archive = folder.join(ARCHIVE);
        let cached = project::cache().map(|cache| cache.join(format!("torch-sys-{}.a", stamp.text())));
        if let Some(cached) = cached.as_deref().filter(|cached| cached.exists()) {
            files::copy(cached, &archive)?;
        } else {
            compile(project, &folder, run)?;
            // A convenience for the next clone; that it cannot be kept is no failure.
            if let Some(cached) = cached {
                let _ = files::copy(&archive, &cached);
            }
        }
        stamp.put(&folder.join("stamp"))?;
    }
    // It names the folder, and so is written again when the project was moved.
    files::write(&folder.join("config.toml"), in_place_of_the_script(project, rustc)?)
}

fn compile(project: &Project, folder: &Path, run: Run) -> Result<()> {
    let sources = sources(project)?;
    let include = project.libtorch().join("include");
    let object = |name: &str| folder.join(name).with_extension("o");
    std::thread::scope(|scope| {
        let compilations = FILES.map(|name| {
            let mut compiler = process::command(compiler_name());
            compiler
                .args(FLAGS)
                .arg("-I")
                .arg(&include)
                .arg("-I")
                .arg(include.join("torch/csrc/api/include"));
            compiler.arg("-c").arg(sources.join(name).with_extension("cpp")).arg("-o").arg(object(name));
            scope.spawn(move || run(&mut compiler))
        });
        compilations.into_iter().try_for_each(|one| one.join().expect("running a command does not panic"))
    })?;
    let archiver = env::var_os("AR").unwrap_or_else(|| OsString::from("ar"));
    run(process::command(archiver).arg("crs").arg(folder.join(ARCHIVE)).args(FILES.map(object)))?;
    FILES.iter().try_for_each(|name| files::remove(&object(name)))
}

/// The folder with the C++ in torch-sys's package.
fn sources(project: &Project) -> Result<PathBuf> {
    let mut cargo = process::cargo();
    cargo.current_dir(project.root()).args(["metadata", "--format-version", "1", "--locked"]);
    let metadata: Value = serde_json::from_str(&process::output(&mut cargo)?)?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let manifest = packages
        .filter(|package| package["name"] == "torch-sys")
        .find_map(|package| package["manifest_path"].as_str())
        .context("no package is called torch-sys")?;
    Ok(Path::new(manifest).with_file_name("libtch"))
}

/// A configuration of cargo. The C++ library goes before libtorch, which has some of its symbols and would
/// be loaded for them, with all of CUDA.
fn in_place_of_the_script(project: &Project, rustc: &str) -> Result<String> {
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("`rustc -vV` names no host")?;
    let libraries = project.libtorch().join("lib");
    let (standard, openmp) = if cfg!(target_os = "macos") { ("c++", None) } else { ("stdc++", Some("gomp")) };
    let cuda = libraries.join("libtorch_cuda.so").exists().then_some("torch_cuda");
    let names =
        ["static=tch", standard].into_iter().chain(cuda).chain(["torch_cpu", "torch", "c10"]).chain(openmp);
    let places = [&folder(project), &libraries].map(|place| format!("native={}", place.display()));
    // JSON's strings and arrays are TOML's.
    Ok(format!(
        "[target.{host}.tch]\nrustc-link-search = {}\nrustc-link-lib = {}\nlibtorch_lib = {}\n",
        Value::from(places.to_vec()),
        Value::from(names.collect::<Vec<_>>()),
        Value::from(libraries.to_string_lossy())
    ))
}

/// The first line of the C++ compiler's version.
///
/// # Errors
/// If there is none.
pub fn compiler() -> Result<String> {
    let compiler = compiler_name();
    match process::output(process::command(&compiler).arg("--version")) {
        Ok(version) => Ok(version.lines().next().unwrap_or_default().to_owned()),
        Err(_) => bail!(
            "no C++ compiler `{compiler}`: install one \
             (`sudo apt install g++`, on macOS `xcode-select --install`) and try again"
        ),
    }
}

fn compiler_name() -> String {
    env::var("CXX").unwrap_or_else(|_| "c++".to_owned())
}

fn stamp(project: &Project) -> Result<Stamp> {
    let lock = fs::read_to_string(project.root().join("Cargo.lock")).context("cannot read Cargo.lock")?;
    let version = lock.split("\n\n").find(|package| package.contains("name = \"torch-sys\""));
    Ok(Stamp::of((version, libtorch::version(project), compiler()?, FLAGS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_reads_the_configuration() {
        let root = tempfile::tempdir().unwrap();
        let project = Project::at(root.path().join("a \"b\""));
        let text = in_place_of_the_script(&project, "host: triple").unwrap();
        let file = root.path().join("config.toml");
        files::write(&file, &text).unwrap();
        let mut cargo = process::cargo();
        cargo.args(["config", "get", "--format", "json", "-Zunstable-options", "--config"]);
        let printed = process::output(cargo.arg(&file).arg("target.triple.tch").env("RUSTC_BOOTSTRAP", "1"));
        let read: Value = serde_json::from_str(&printed.unwrap()).unwrap();
        let read = &read["target"]["triple"]["tch"];
        assert_eq!(read["rustc-link-lib"][0], "static=tch");
        let place = format!("native={}", folder(&project).display());
        assert_eq!(read["rustc-link-search"][0], Value::from(place));
        assert_eq!(read["libtorch_lib"], Value::from(project.libtorch().join("lib").to_string_lossy()));
    }
}
