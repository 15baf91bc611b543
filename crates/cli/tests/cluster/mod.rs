//! A Slurm of two nodes on this machine, with a folder, keys and ports of its own.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The daemons, which end with the value.
pub(crate) struct Cluster {
    folder: tempfile::TempDir,
    daemons: Vec<(String, Child)>,
}

/// The nodes' names.
pub(crate) const NODES: [&str; 2] = ["n1", "n2"];

impl Cluster {
    /// Starts a cluster; none, and `test` is skipped, where Slurm is not installed.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let missing = ["slurmctld", "slurmd", "sbatch", "munged"].into_iter().find(|name| !is_there(name));
        if let Some(missing) = missing {
            testing::skip(test, &format!("there is no {missing} (`apt install slurm-wlm munge`)"));
            return None;
        }
        if !fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0) {
            testing::skip(test, "only root may start the daemons of Slurm");
            return None;
        }
        let mut cluster = Self { folder: tempfile::tempdir().unwrap(), daemons: Vec::new() };
        cluster.start_munge();
        cluster.configure();
        let conf = cluster.at("slurm.conf");
        cluster.daemon("slurmctld", Command::new("slurmctld").args(["-D", "-i", "-f"]).arg(&conf));
        NODES.iter().for_each(|node| cluster.start_node(node));
        let idle = || text(cluster.slurm("sinfo").args(["--noheader", "--format=%D %t"])).trim() == "2 idle";
        wait("both nodes are idle", 60, idle);
        Some(cluster)
    }

    /// A path in the cluster's folder.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command that speaks to this cluster.
    pub(crate) fn slurm(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", self.at("slurm.conf")).stdin(Stdio::null());
        command
    }

    /// Starts the daemon of a node.
    pub(crate) fn start_node(&mut self, node: &str) {
        let conf = self.at("slurm.conf");
        self.daemon(node, Command::new("slurmd").args(["-D", "-N", node, "-f"]).arg(conf));
    }

    /// A node is lost: its daemon, and everything that runs there, are no more.
    pub(crate) fn lose_node(&mut self, node: &str) {
        let lost = self.daemons.iter().position(|(name, _)| name == node).unwrap();
        let (_, mut daemon) = self.daemons.remove(lost);
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        // What Slurm has started there has the node's name in its environment.
        for process in processes_with(&format!("SLURMD_NODENAME={node}"), self.folder.path()) {
            let _ = Command::new("kill").args(["-KILL", &process]).status();
        }
    }

    /// The tasks of an array in the queue, each with the node that it runs on, if it runs.
    pub(crate) fn queue(&self) -> Vec<(String, String)> {
        let queue = text(self.slurm("squeue").args(["--noheader", "--array", "--format=%i %N"]));
        let task = |line: &str| {
            let (job, node) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
            (job.to_owned(), node.trim().to_owned())
        };
        queue.lines().map(task).collect()
    }

    fn start_munge(&mut self) {
        // The folders above have to be such that nobody else could put a key there.
        let key = self.at("munge.key");
        fs::write(&key, [7; 128]).unwrap();
        Command::new("chmod").arg("600").arg(&key).status().unwrap();
        let path = |name: &str| format!("--{name}={}", self.at(&format!("munge.{name}")).display());
        let mut munged = Command::new("munged");
        munged
            .args(["--foreground", "--force"])
            .args(["socket", "pid-file", "log-file", "seed-file"].map(path));
        munged.arg(format!("--key-file={}", key.display()));
        self.daemon("munged", &mut munged);
        let socket = self.at("munge.socket");
        wait("munged listens", 30, || socket.exists());
    }

    fn configure(&self) {
        let folder = self.folder.path().display();
        let host = text(Command::new("hostname").arg("-s"));
        let host = host.trim();
        let [control, first, second] = free_ports();
        let configuration = format!(
            "ClusterName=test\n\
             SlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={control}\n\
             AuthType=auth/munge\nAuthInfo=socket={folder}/munge.socket\n\
             SlurmUser=root\nSlurmdUser=root\n\
             StateSaveLocation={folder}/state\nSlurmdSpoolDir={folder}/spool.%n\n\
             SlurmctldPidFile={folder}/ctld.pid\nSlurmdPidFile={folder}/d.%n.pid\n\
             SlurmctldLogFile={folder}/ctld.log\nSlurmdLogFile={folder}/d.%n.log\n\
             ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\n\
             SelectType=select/cons_tres\nSelectTypeParameters=CR_Core\n\
             ReturnToService=2\nMpiDefault=none\nSlurmdTimeout=5\nMinJobAge=2\n\
             NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={first} CPUs=1 RealMemory=1000 State=UNKNOWN\n\
             NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={second} CPUs=1 RealMemory=1000 State=UNKNOWN\n\
             PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n"
        );
        fs::create_dir(self.at("state")).unwrap();
        fs::write(self.at("slurm.conf"), configuration).unwrap();
    }

    fn daemon(&mut self, name: &str, command: &mut Command) {
        let log = File::create(self.at(&format!("{name}.out"))).unwrap();
        let daemon = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
        self.daemons.push((name.to_owned(), daemon.unwrap()));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for log in ["ctld.log", "d.n1.log", "d.n2.log", "slurmctld.out", "munged.out"] {
                eprintln!("== {log}\n{}", fs::read_to_string(self.at(log)).unwrap_or_default());
            }
        }
        for (_, daemon) in self.daemons.iter_mut().rev() {
            let _ = daemon.kill().and_then(|()| daemon.wait());
        }
        for node in NODES {
            for process in processes_with(&format!("SLURMD_NODENAME={node}"), self.folder.path()) {
                let _ = Command::new("kill").args(["-KILL", &process]).status();
            }
        }
    }
}

/// Waits until something holds.
pub(crate) fn wait(what: &str, seconds: u64, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(seconds), "not within {seconds} s: {what}");
        sleep(Duration::from_millis(100));
    }
}

/// What a command prints.
pub(crate) fn text(command: &mut Command) -> String {
    let output = command.output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn is_there(program: &str) -> bool {
    Command::new("sh").args(["-c", "command -v \"$0\" > /dev/null", program]).status().unwrap().success()
}

fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.each_ref().map(|listener| listener.local_addr().unwrap().port())
}

/// Processes with this in their environment, and the folder of the cluster.
fn processes_with(variable: &str, folder: &Path) -> Vec<String> {
    let folder = folder.as_os_str().as_encoded_bytes();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let is_one = |name: &String| {
        let environment = fs::read(format!("/proc/{name}/environ")).unwrap_or_default();
        environment.split(|&byte| byte == 0).any(|entry| entry == variable.as_bytes())
            && environment.windows(folder.len()).any(|window| window == folder)
    };
    let names = processes.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).filter(is_one).collect()
}
