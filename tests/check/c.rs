//! Programs of `core/c`, built with this machine's compilers.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs};

use crate::namespace::skip;

/// The sanitizers that find faults in the use of memory, and undefined behaviour.
pub(crate) const SANITIZERS: &[&str] =
    &["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/// The folder of `core/c`.
pub(crate) const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/c");

const STRICT: &[&str] = &["-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"];

/// What a program is made of.
pub(crate) struct Recipe<'a> {
    /// Its sources, in `core/c` or anywhere.
    pub(crate) files: &'a [&'a str],
    /// Other libraries, and where their headers are.
    pub(crate) libraries: &'a [&'a str],
    /// Debian's packages that have the compiler and the libraries.
    pub(crate) packages: &'a str,
}

/// Builds a program; `None`, with a word about it, where the compiler or what it needs is missing.
pub(crate) fn build(compiler: &str, flags: &[&str], recipe: &Recipe<'_>) -> Option<PathBuf> {
    let name: String = [compiler].iter().chain(recipe.files).chain(flags).copied().collect();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("programs");
    fs::create_dir_all(&folder).expect("a folder");
    let program = folder.join(name.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
    // Another test, of this run or of another, may build or run it at this moment.
    static DRAFTS: AtomicUsize = AtomicUsize::new(0);
    let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
    let draft = program.with_extension(format!("{}-{number}", process::id()));
    let language = ["-x", if compiler.ends_with("++") { "c++" } else { "c" }];
    let command = || {
        let mut command = Command::new(compiler);
        command.args(flags).args(STRICT).arg("-o").arg(&draft).args(language);
        command
    };
    let mut trial = command();
    trial.args(["-", "-x", "none"]).args(recipe.libraries);
    if !makes_a_program(&mut trial) {
        let [flags, files] = [flags.join(" "), recipe.files.join(" ")];
        let packages = recipe.packages;
        let what = format!("{files} by {compiler} {flags}");
        skip(&what, &format!("it needs `apt-get install {packages}`"));
        return None;
    }
    let mut command = command();
    command.arg("-Iinclude").args(recipe.files).args(["-x", "none"]).arg(library());
    let built = command.args(recipe.libraries).current_dir(FOLDER).output().expect("it runs");
    assert!(built.status.success(), "{command:?}: {}", String::from_utf8_lossy(&built.stderr));
    fs::rename(&draft, &program).expect("a program");
    Some(program)
}

fn makes_a_program(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = quiet.spawn() else { return false };
    // What it does not read it has refused before.
    let _ = child.stdin.take().expect("a pipe").write_all(b"int main(void) { return 0; }\n");
    child.wait().expect("a child").success()
}

/// The static library, which is built as everybody has to.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("library");
        let mut command = Command::new(env!("CARGO"));
        command.args(["build", "--release", "--locked"]).current_dir(FOLDER);
        let built = command.env("CARGO_TARGET_DIR", &target).output().expect("it runs");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        target.join("release/libecho_core_c.a")
    })
}

#[test]
fn the_header_keeps_its_word_in_every_dialect() {
    let sanitized = |standard| [&[standard], SANITIZERS].concat();
    let dialects = [
        ("cc", sanitized("-std=c99")),
        ("cc", sanitized("-std=c11")),
        ("c++", vec!["-std=c++98"]),
        ("c++", vec!["-std=c++17"]),
        ("clang", vec!["-std=c99"]),
        ("clang++", vec!["-std=c++98"]),
    ];
    let recipe = Recipe { files: &["tests/contract.c"], libraries: &[], packages: "gcc g++ clang" };
    for (compiler, flags) in dialects {
        let Some(program) = build(compiler, &flags, &recipe) else { continue };
        let ended = Command::new(program).output().expect("it runs");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{compiler} {flags:?}: {said}");
    }
}
