//! The list on the code in `echo_core.h`: who types it in, and adds a stack, has an echo server.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use rustix::process::Signal;

use crate::c::{self, FOLDER, Recipe, SANITIZERS};
use crate::list;
use crate::program::Program;
use crate::sockets::over_sockets;

/// The code of the guide: what is indented deeper than its text, from its first line on.
fn code() -> String {
    let header = fs::read_to_string(format!("{FOLDER}/include/echo_core.h")).expect("the header");
    let indented = |line: &str| match line.strip_prefix(" *")? {
        "" => Some("\n".to_owned()),
        rest => Some(rest.strip_prefix("        ")?.to_owned() + "\n"),
    };
    let from = |line: &&str| !line.ends_with("        #include \"echo_core.h\"");
    header.lines().skip_while(from).map_while(indented).collect()
}

#[test]
fn the_code_of_the_guide_passes() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guide.c");
    fs::write(&file, code()).expect("a file");
    let files = [file.to_str().expect("a plain name"), "tests/guide/stack.c"];
    let recipe = Recipe { files: &files, libraries: &["-Itests/guide"], packages: "gcc" };
    // As many places as a case needs, and those of the one before.
    let flags = [&["-std=c99", "-DPLACES=50"], SANITIZERS].concat();
    let Some(program) = c::build("cc", &flags, &recipe) else { return };
    list::all_pass(&[], |needs, check| {
        let server = Program::start(&program, needs.rules(), "0", Ipv4Addr::LOCALHOST.into());
        over_sockets(needs, server.address, check);
        server.stop(Signal::TERM);
    });
}
