//! The real binary, run to its end or served from; killed and waited for when a test lets it go.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::Client;

/// Nothing that a test waits for takes longer.
const DEADLINE: Duration = Duration::from_mins(1);

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A server that has said where it listens.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    grpc_address: Option<SocketAddr>,
    stdout: Said,
    stderr: Said,
}

/// What a pipe has brought, read as it comes.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    text: String,
    is_over: bool,
}

/// The binary with an environment that has nothing of ours, and without what is installed on this machine.
pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadonce"));
    command
        .env_clear()
        .env("LOADONCE_ONNXRUNTIME", "off")
        // Several run at the same time.
        .env("LOADONCE_GRPC_PORT", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs the binary to its end.
pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ended {
    run_with(arguments, &[])
}

/// Runs the binary to its end with the Python that a user would find.
pub(crate) fn run_with_python<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ended {
    run_with(arguments, &[("PATH", &search_path())])
}

fn search_path() -> String {
    #[expect(clippy::disallowed_methods, reason = "an interpreter is looked for as by a user")]
    std::env::var("PATH").unwrap()
}

/// Runs the binary to its end with these variables.
pub(crate) fn run_with<S: AsRef<std::ffi::OsStr>>(
    arguments: impl IntoIterator<Item = S>,
    variables: &[(&str, &str)],
) -> Ended {
    let mut child = binary().args(arguments).envs(variables.iter().copied()).spawn().unwrap();
    let stdout = Said::by(BufReader::new(child.stdout.take().unwrap()));
    let stderr = Said::by(BufReader::new(child.stderr.take().unwrap()));
    let code = wait(&mut child).code();
    Ended { code, stdout: stdout.to_the_end(), stderr: stderr.to_the_end() }
}

impl Server {
    /// Starts `serve` on a free port with these further arguments.
    pub(crate) fn start<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        Self::start_at(0, arguments)
    }

    /// Starts `serve` on that port with these further arguments.
    pub(crate) fn start_at<S: AsRef<std::ffi::OsStr>>(port: u16, arguments: impl IntoIterator<Item = S>) -> Self {
        Self::start_under(&[], port, arguments)
    }

    /// Starts `serve` on that port with these variables and further arguments.
    pub(crate) fn start_under<S: AsRef<std::ffi::OsStr>>(
        variables: &[(&str, &str)],
        port: u16,
        arguments: impl IntoIterator<Item = S>,
    ) -> Self {
        let mut command = binary();
        command.args(["serve", "--port", &port.to_string()]).args(arguments).envs(variables.iter().copied());
        let mut child = command.spawn().unwrap();
        let stderr = Said::by(BufReader::new(child.stderr.take().unwrap()));
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (address, grpc_address) = listening(&mut stdout);
        Self { child, address, grpc_address, stdout: Said::by(stdout), stderr }
    }

    /// Starts `serve` on a free port with the Python that a user would find.
    pub(crate) fn start_with_python<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        Self::start_under(&[("PATH", &search_path())], 0, arguments)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn grpc_address(&self) -> Option<SocketAddr> {
        self.grpc_address
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address).unwrap()
    }

    /// Asks again and again until the server is ready.
    pub(crate) fn until_ready(&self) {
        let mut client = self.client();
        until(|| client.send("GET", "/v2/health/ready", "").unwrap().status == 200);
    }

    /// Whether that has been written to standard output or standard error so far.
    pub(crate) fn said(&self, what: &str) -> bool {
        [&self.stdout, &self.stderr].into_iter().any(|said| said.state().text.contains(what))
    }

    pub(crate) fn signal(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> Ended {
        let code = wait(&mut self.child).code();
        Ended { code, stdout: self.stdout.to_the_end(), stderr: self.stderr.to_the_end() }
    }

    /// Tells the server to stop and waits for its end.
    pub(crate) fn stop(self) -> Ended {
        self.signal();
        self.wait()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks again and again until a state has come, but not for ever.
pub(crate) fn until(mut state: impl FnMut() -> bool) {
    let started = Instant::now();
    while !state() {
        assert!(started.elapsed() < DEADLINE, "the state that the test waits for does not come");
        std::thread::yield_now();
    }
}

/// Waits for a state, but not for ever.
pub(crate) async fn in_time<T>(state: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, state).await.expect("the state that the test waits for does not come")
}

/// The addresses in `... listening on http://ADDRESS and unix:PATH, gRPC on ADDRESS, ...`.
fn listening(stdout: &mut BufReader<ChildStdout>) -> (SocketAddr, Option<SocketAddr>) {
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let behind = |word| line.split(word).nth(1).and_then(|rest| rest.split([',', ' ']).next()?.parse().ok());
    (behind("http://").unwrap_or_else(|| panic!("no address in '{line}'")), behind("gRPC on "))
}

impl Said {
    /// Reads a pipe to its end.
    fn by(mut pipe: impl BufRead + Send + 'static) -> Self {
        let said = Self::default();
        let reader = said.clone();
        std::thread::spawn(move || {
            let mut line = String::new();
            while pipe.read_line(&mut line).unwrap() > 0 {
                reader.state().text.push_str(&line);
                line.clear();
            }
            reader.state().is_over = true;
        });
        said
    }

    fn to_the_end(&self) -> String {
        until(|| self.state().is_over);
        self.state().text.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

/// Waits for a child, but not for ever.
fn wait(child: &mut Child) -> ExitStatus {
    let pid = Pid::from_child(child);
    let (done, late) = mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        if late.recv_timeout(DEADLINE) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = kill_process(pid, Signal::KILL);
        }
    });
    let status = child.wait().unwrap();
    drop(done);
    guard.join().unwrap();
    status
}
