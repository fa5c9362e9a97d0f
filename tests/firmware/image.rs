//! The images of the boards, built as everybody has to.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::namespace::skip;

pub(crate) const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/firmware");

/// What a script of the firmware ends with if something is missing here, which it names.
const MISSING: i32 = 77;

/// A board, and its image.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) name: &'static str,
    /// Whether it has room for IPv6.
    pub(crate) ipv6: bool,
    image: OnceLock<Result<PathBuf, String>>,
}

pub(crate) static LM3S6965: Board = Board::new("lm3s6965", false);
pub(crate) static MICROVM: Board = Board::new("microvm", true);

impl Board {
    const fn new(name: &'static str, ipv6: bool) -> Self {
        Self { name, ipv6, image: OnceLock::new() }
    }

    /// Its image; `None`, with a word about it, where it cannot be built or booted.
    pub(crate) fn image(&self) -> Option<&PathBuf> {
        // Whether it can be booted is quickly found out.
        let image = self.image.get_or_init(|| {
            script("boot", self.name).and_then(|_| script("build", self.name)).map(PathBuf::from)
        });
        image.as_ref().inspect_err(|reason| skip(self.name, reason)).ok()
    }
}

/// What a script says about this board, or what it misses.
fn script(name: &str, board: &str) -> Result<String, String> {
    let ended = Command::new(format!("{FOLDER}/{name}")).arg(board).output().expect("it runs");
    let said =
        [&ended.stdout, &ended.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    match ended.status.code() {
        Some(0) => Ok(said[0].trim_end().into()),
        Some(MISSING) => Err(said[1].trim_end().into()),
        _ => panic!("{name} {board}: {said:?}"),
    }
}
