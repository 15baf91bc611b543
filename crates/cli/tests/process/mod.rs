//! `siglip` as a process of its own. No test uses all of it.
#![allow(dead_code)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The command, as cargo has built it for this test.
pub(crate) fn siglip() -> Command {
    let mut siglip = Command::new(env!("CARGO_BIN_EXE_siglip"));
    siglip.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    siglip
}

/// Makes a pipe with a name. Who opens it to read waits until another one opens it to write: that
/// makes certain where a process stands.
pub(crate) fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// The same command under a limit that the shell sets, such as `ulimit -f 9`: then no file grows beyond
/// 9 blocks of 512 bytes, and the kernel kills who tries, in the middle of the write.
pub(crate) fn with_limit(command: &Command, limit: &str) -> Command {
    let mut limited = Command::new("sh");
    limited.arg("-c").arg(format!("{limit}; exec \"$0\" \"$@\""));
    limited.arg(command.get_program()).args(command.get_args());
    limited.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    limited
}

/// Starts the process, and kills it (SIGKILL: it cannot put anything in order) when `reached` holds.
pub(crate) fn kill_when(mut command: Command, reached: impl Fn() -> bool) {
    /// The process does not outlive a test that fails.
    struct Killed(Child);
    impl Drop for Killed {
        fn drop(&mut self) {
            let _ = self.0.kill().and_then(|()| self.0.wait());
        }
    }
    let mut process = Killed(command.spawn().unwrap());
    let start = Instant::now();
    while !reached() {
        assert!(process.0.try_wait().unwrap().is_none(), "it ended before it was killed");
        assert!(start.elapsed() < Duration::from_secs(300), "it does not come as far as it should");
        sleep(Duration::from_millis(5));
    }
}
