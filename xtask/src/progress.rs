//! Steps that run at the same time: what each prints goes to a file, and a line says how far all are.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, IsTerminal, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::process;

/// Runs a command of a step to its end: [`process::run`], or with the output in the step's file.
pub type Run<'a> = &'a (dyn Fn(&mut Command) -> Result<()> + Sync);

/// A step, and what it took where it was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// What is made.
    pub name: &'static str,
    /// Seconds of one core.
    pub cost: f64,
    /// How many lines its commands print, downloads of cargo's aside.
    pub lines: usize,
}

/// How far the steps are.
#[derive(Debug)]
pub struct Progress {
    start: Instant,
    /// Of the files with the output.
    folder: PathBuf,
    steps: Vec<(Step, State)>,
    has_failed: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    lines: AtomicUsize,
    is_running: AtomicBool,
    /// How long it took.
    time: Mutex<Option<Duration>>,
}

/// Does `work`, which takes `steps`, while their progress is on the screen; and returns how long each took.
///
/// # Errors
/// That of the first step that fails.
pub fn show<T>(
    steps: Vec<Step>,
    folder: &Path,
    work: impl FnOnce(&Progress) -> Result<T>,
) -> Result<(T, Vec<(Step, Duration)>)> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let steps = steps.into_iter().map(|step| (step, State::default())).collect();
    let has_failed = AtomicBool::new(false);
    let progress = Progress { start: Instant::now(), folder: folder.to_owned(), steps, has_failed };
    let (end, ended) = mpsc::channel();
    let result = thread::scope(|scope| {
        scope.spawn(|| progress.tell_until(ended));
        let result = work(&progress);
        drop(end);
        result
    })?;
    let times = progress.steps.iter().filter_map(|(step, state)| Some((*step, state.time()?)));
    Ok((result, times.collect()))
}

impl Progress {
    /// Does the `work` of a step. One that was not announced has nothing to do, and shows nothing.
    ///
    /// # Errors
    /// That of `work`. The commands of the other steps are then ended; what they have made is kept.
    pub fn step<T>(&self, step: Step, work: impl FnOnce(Run) -> Result<T>) -> Result<T> {
        let Some((_, state)) = self.steps.iter().find(|(known, _)| *known == step) else {
            return work(&process::run);
        };
        let start = Instant::now();
        state.is_running.store(true, Ordering::Relaxed);
        let file = self.folder.join(step.name.replace(' ', "-")).with_extension("log");
        let log =
            Mutex::new(File::create(&file).with_context(|| format!("cannot write {}", file.display()))?);
        let result = work(&|command| self.run(command, state, &log));
        state.is_running.store(false, Ordering::Relaxed);
        match &result {
            Ok(_) => {
                *state.time.lock().unwrap_or_else(PoisonError::into_inner) = Some(start.elapsed());
                say(&format!("{}: {}", step.name, clock(start.elapsed())));
            }
            // Of the others, which end because of the first, nothing need be said.
            Err(_) if !self.has_failed.swap(true, Ordering::Relaxed) => {
                let text = fs::read_to_string(&file).unwrap_or_default();
                let lines: Vec<_> = text.lines().collect();
                say(&lines[lines.len().saturating_sub(30)..].join("\n"));
                say(&format!("{} failed; all that it said is in {}", step.name, file.display()));
            }
            Err(_) => {}
        }
        result
    }

    fn run(&self, command: &mut Command, state: &State, log: &Mutex<File>) -> Result<()> {
        let name = process::name(command);
        let (reader, writer) = io::pipe()?;
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        let mut child = command.spawn().with_context(|| format!("cannot start `{name}`"))?;
        command.stdout(Stdio::null()).stderr(Stdio::null()); // closes the pipe's other end
        // Programs say the names of files, which need not be UTF-8.
        for line in BufReader::new(reader).split(b'\n') {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            let line = line?;
            log.write_all(&line)?;
            log.write_all(b"\n")?;
            // Cargo's downloads are hundreds of lines in the first seconds.
            if !line.trim_ascii_start().starts_with(b"Download") {
                state.lines.fetch_add(1, Ordering::Relaxed);
            }
            if self.has_failed.load(Ordering::Relaxed) {
                let _ = child.kill();
            }
        }
        let status = child.wait()?;
        if !status.success() {
            bail!("`{name}` failed: {status}");
        }
        Ok(())
    }

    fn tell_until(&self, ended: mpsc::Receiver<()>) {
        let terminal = io::stderr().is_terminal();
        let pause = Duration::from_secs(if terminal { 1 } else { 30 });
        while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            let running = self.steps.iter().filter(|(_, state)| state.is_running.load(Ordering::Relaxed));
            let names: Vec<_> = running.map(|(step, _)| step.name).collect();
            let [passed, left] = [self.start.elapsed(), self.left()].map(clock);
            let line = format!("{passed} passed, about {left} left: {}", names.join(", "));
            if terminal { eprint!("\r\x1b[K{line}") } else { eprintln!("{line}") }
        }
    }

    /// What is left, at the speed of what was done.
    fn left(&self) -> Duration {
        let all = self.steps.iter().map(|(step, _)| step.cost).sum();
        let done = self.steps.iter().map(|(step, state)| step.cost * state.part(step.lines)).sum();
        let cores = thread::available_parallelism().map_or(2.0, |cores| cores.get() as f64);
        time_left(all, done, self.start.elapsed(), cores)
    }
}

/// Of `all` seconds of a core, of which so many are done. Small crates come first and look like much, so no
/// more is taken for done in a second than there are cores.
fn time_left(all: f64, done: f64, passed: Duration, cores: f64) -> Duration {
    let speed = if done < 0.05 * all { cores } else { (done / passed.as_secs_f64()).min(cores) };
    Duration::from_secs_f64((all - done) / speed)
}

impl State {
    fn time(&self) -> Option<Duration> {
        *self.time.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The part that is done of a step that prints so many lines.
    fn part(&self, lines: usize) -> f64 {
        if self.time().is_some() {
            return 1.0;
        }
        (self.lines.load(Ordering::Relaxed) as f64 / lines as f64).min(0.95)
    }
}

fn clock(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}

/// A line of its own, whatever the last one shows.
fn say(line: &str) {
    let clear = if io::stderr().is_terminal() { "\r\x1b[K" } else { "" };
    eprintln!("{clear}{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Step = Step { name: "a quick one", cost: 10.0, lines: 2 };
    const BROKEN: Step = Step { name: "broken", cost: 30.0, lines: 4 };

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_steps_print_goes_to_files_and_counts() {
        let folder = tempfile::tempdir().unwrap();
        let (left, times) = show(vec![QUICK, BROKEN], folder.path(), |progress| {
            progress.step(QUICK, |run| run(&mut shell("echo one; echo two >&2")))?;
            progress.step(BROKEN, |run| {
                run(&mut shell("echo one; echo '  Downloaded x v1.0.0'; echo two"))?;
                // A quarter and half of three quarters are done.
                Ok(progress.left().as_secs_f64())
            })
        })
        .unwrap();
        let cores = thread::available_parallelism().unwrap().get() as f64;
        assert!((left - 15.0 / cores).abs() < 1e-6, "{left}");
        assert_eq!(times.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [QUICK, BROKEN]);
        let log = fs::read_to_string(folder.path().join("a-quick-one.log")).unwrap();
        assert_eq!(log, "one\ntwo\n");
    }

    #[test]
    fn time_left_is_at_the_speed_so_far_and_no_faster_than_the_cores() {
        let left = |done, passed| time_left(100.0, done, Duration::from_secs(passed), 2.0).as_secs();
        assert_eq!([left(1.0, 10), left(20.0, 20), left(50.0, 10), left(50.0, 100)], [49, 80, 25, 100]);
    }

    #[test]
    fn a_failure_ends_the_other_steps() {
        let folder = tempfile::tempdir().unwrap();
        let error = show(vec![QUICK, BROKEN], folder.path(), |progress| {
            thread::scope(|scope| {
                let endless = "while :; do echo; sleep 0.1; done";
                let other = scope.spawn(|| progress.step(QUICK, |run| run(&mut shell(endless))));
                let broken = progress.step(BROKEN, |run| run(&mut shell("exit 3")));
                assert!(other.join().unwrap().is_err());
                broken
            })
        })
        .unwrap_err();
        assert!(error.to_string().contains("exit status: 3"), "{error}");
    }
}
