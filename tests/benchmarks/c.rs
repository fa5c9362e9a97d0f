//! The programs of `core/c`: the same core behind its C interface, on BSD sockets and on lwIP.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::ends::{command, pinned};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../core/c");

pub(crate) struct Programs {
    posix: PathBuf,
    lwip: PathBuf,
}

impl Programs {
    /// Builds them, as the comments at their beginning say.
    pub(crate) fn build() -> Result<Self> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let target = folder.join("library");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--release", "--locked"]).env("CARGO_TARGET_DIR", &target);
        succeeds(&mut cargo)?;
        let build = |name: &str, arguments: &str| {
            let program = folder.join(name);
            let [before, after] = ["-O2 -Iinclude", arguments].map(|text| text.split(' '));
            let library = target.join("release/libecho_core_c.a");
            let mut cc = Command::new("cc");
            cc.args(before).args(after).arg("-o").arg(&program).arg(library);
            // Behind the library whatever it needs.
            cc.args((name == "lwip").then_some("-llwip"));
            succeeds(&mut cc).map(|()| program)
        };
        let lwip = "-std=gnu99 -I/usr/include/lwip examples/lwip.c examples/lwip_tap.c";
        Ok(Self {
            posix: build("posix", "-std=c99 examples/posix.c")?,
            lwip: build("lwip", lwip).context("it needs `apt-get install liblwip-dev`")?,
        })
    }

    /// On the loopback.
    pub(crate) fn posix(&self, core: usize) -> Result<Program> {
        Program::start(&self.posix, core, "0", Ipv4Addr::LOCALHOST)
    }

    /// Behind a TAP.
    pub(crate) fn lwip(&self, core: usize) -> Result<Program> {
        command("ip tuntap add tap2 mode tap")?;
        command("ip addr add 192.168.69.100/24 dev tap2")?;
        command("ip link set tap2 up")?;
        Program::start(&self.lwip, core, "tap2", Ipv4Addr::new(192, 168, 69, 1))
    }
}

fn succeeds(command: &mut Command) -> Result<()> {
    let status = command.current_dir(FOLDER).status().with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

/// One of them, while it runs.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Program {
    fn start(program: &Path, core: usize, argument: &str, ip: Ipv4Addr) -> Result<Self> {
        let mut child = pinned(core, || {
            let mut command = Command::new(program);
            command.arg(argument).stdout(Stdio::piped()).spawn().context("cannot start it")
        })?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("stdout is piped")?).read_line(&mut line)?;
        let port = line.trim().strip_prefix("Echo server on port ").context("it does not start")?;
        Ok(Self { child, address: (ip, port.parse()?).into() })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Where there is none it fails, which is as good.
        let _ = Command::new("ip").args(["link", "del", "tap2"]).stderr(Stdio::null()).status();
    }
}
