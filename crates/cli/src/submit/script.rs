//! The batch scripts.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use constellation::sweep::SHARDS;

/// What the scripts of a sweep depend on.
pub(crate) struct Script<'a> {
    /// This program.
    pub(crate) siglip: PathBuf,
    /// The sweep's folder.
    pub(crate) out: PathBuf,
    /// How many shards there are.
    pub(crate) shards: usize,
    /// What is kept of each run.
    pub(crate) keep: &'static str,
    /// The user's options for sbatch.
    pub(crate) options: &'a [String],
}

impl Script<'_> {
    /// Where the jobs' outputs are.
    pub(crate) fn logs(&self) -> PathBuf {
        self.out.join(SHARDS).join("logs")
    }

    /// Writes both scripts: that of the array, and that which merges.
    ///
    /// # Errors
    /// If they cannot be written, or a path or an option has a line feed.
    pub(crate) fn write(&self) -> anyhow::Result<[PathBuf; 2]> {
        let logs = self.logs();
        fs::create_dir_all(&logs).with_context(|| logs.display().to_string())?;
        let out = word(&self.out)?;
        let array = format!(
            "# Each task trains those runs of its shard that are not there yet, so it can be killed and\n\
             # started again at any time; where tasks run, and in which order, changes no result.\n\
             exec {siglip} sweep {description} --out {out} --keep {keep} --shard \"$SLURM_ARRAY_TASK_ID/{shards}\" > /dev/null\n",
            siglip = word(&self.siglip)?,
            description = word(&crate::sweep::description(&self.out))?,
            keep = self.keep,
            shards = self.shards,
        );
        let merge = format!(
            "# Writes the tables of all runs, and fails if some are missing.\nexec {siglip} merge {out}\n",
            siglip = word(&self.siglip)?,
        );
        let whole = format!("#SBATCH --array=0-{}\n#SBATCH --requeue\n", self.shards - 1);
        Ok([
            self.write_one("array", &whole, "%A_%a", &array)?,
            self.write_one("merge", "", "merge-%j", &merge)?,
        ])
    }

    fn write_one(&self, name: &str, directives: &str, log: &str, command: &str) -> anyhow::Result<PathBuf> {
        let path = self.out.join(SHARDS).join(format!("{name}.sbatch"));
        let options: String = lines(self.options).iter().map(|line| format!("#SBATCH {line}\n")).collect();
        if self.options.iter().any(|option| option.contains('\n')) {
            bail!("an option for sbatch has a line feed");
        }
        let text = format!(
            "#!/bin/sh\n\
             #SBATCH --job-name=siglip-{name}\n\
             {directives}\
             #SBATCH --chdir={folder}\n\
             #SBATCH --output=logs/{log}.log\n\
             #SBATCH --open-mode=append\n\
             {options}\n\
             {command}",
            folder = quoted(&path.parent().expect("it is in a folder").display().to_string()),
        );
        files::write_whole(&path, |file| Ok(file.write_all(text.as_bytes())?))?;
        Ok(path)
    }
}

/// Whether an option is one that the array and its merging need for themselves.
pub(crate) fn is_ours(option: &str) -> bool {
    let name = option.split('=').next().unwrap_or(option);
    matches!(name, "--array" | "--dependency") || option.starts_with("-a") || option.starts_with("-d")
}

/// A line for each option: what does not begin with a dash is the value of the one before.
fn lines(options: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for option in options {
        match lines.last_mut() {
            Some(line) if !option.starts_with('-') => *line += &format!(" {}", quoted(option)),
            _ => lines.push(quoted(option)),
        }
    }
    lines
}

/// A word of a line that sbatch reads.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_=./:,@%+".contains(c);
    if word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A path as a word of the shell.
fn word(path: &Path) -> anyhow::Result<String> {
    let text = path.to_str().filter(|text| !text.contains('\n'));
    let text = text.with_context(|| format!("{}: has a line feed, or is not UTF-8", path.display()))?;
    Ok(format!("'{}'", text.replace('\'', "'\\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_the_array_are_refused() {
        for ours in ["--array=0-3%2", "--array", "-a0-3", "-a", "--dependency=afterok:1", "-d"] {
            assert!(is_ours(ours), "{ours}");
        }
        assert!(["--account=x", "-A", "--partition=main", "-p"].iter().all(|option| !is_ours(option)));
    }

    #[test]
    fn options_are_lines_with_their_values() {
        let options =
            ["--partition=main", "-p", "big one", "--exclusive", "--comment=a \"b\""].map(str::to_owned);
        let expected = ["--partition=main", "-p \"big one\"", "--exclusive", "\"--comment=a \\\"b\\\"\""];
        assert_eq!(lines(&options), expected);
    }

    #[test]
    fn a_path_is_one_word_of_the_shell() {
        let folder = "it's a \"$HOME\" `x`";
        let word = word(Path::new(folder)).unwrap();
        let echoed =
            std::process::Command::new("sh").args(["-c", &format!("printf %s {word}")]).output().unwrap();
        assert_eq!(String::from_utf8(echoed.stdout).unwrap(), folder);
        assert!(super::word(Path::new("a\nb")).is_err());
    }
}
