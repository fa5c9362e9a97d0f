//! How the image of each board is linked: by the map beside its source, with no library.

use std::env;

fn main() {
    let arch = env::var("CARGO_CFG_TARGET_ARCH").expect("cargo tells it");
    let (board, arguments): (_, &[&str]) = match &*arch {
        // Through the C compiler, as the target demands.
        "x86_64" => (
            "microvm",
            &[
                "-nostdlib",
                "-nostartfiles",
                "-static",
                "-no-pie",
                "-Wl,--build-id=none,-z,norelro,-z,max-page-size=4096,-T",
            ],
        ),
        // By the linker itself.
        "arm" => ("lm3s6965", &["-T"]),
        _ => panic!("no board has the architecture {arch}"),
    };
    let map = format!("{}/src/board/{board}/link.ld", env!("CARGO_MANIFEST_DIR"));
    for argument in arguments.iter().copied().chain([&*map]) {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
    println!("cargo::rerun-if-changed={map}");
}
