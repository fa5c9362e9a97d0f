//! Every target with random bytes, and with those of the corpus that the fuzzer begins with.

use std::fmt;
use std::path::Path;

use echo_adversity::{TARGETS, target};
use proptest::collection::vec;
use proptest::prelude::*;

/// Bytes that are shown as one line of hexadecimal digits.
#[derive(Clone)]
struct Bytes(Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn bytes(most: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..most).prop_map(Bytes)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_session_keeps_its_promises(bytes in bytes(400)) {
        target("session")(&bytes.0);
    }

    #[test]
    fn the_scanner_holds_back_the_word_alone(bytes in bytes(100)) {
        target("exit")(&bytes.0);
    }

    #[test]
    fn a_probe_judges_what_came(bytes in bytes(200)) {
        target("probe")(&bytes.0);
    }

    #[test]
    fn a_payload_tells_where_bytes_come_from(bytes in bytes(200)) {
        target("payload")(&bytes.0);
    }

    #[test]
    fn headers_are_read_as_smoltcp_reads_them(bytes in bytes(200)) {
        target("headers")(&bytes.0);
    }

    #[test]
    fn states_are_left_only_by_right_segments(bytes in bytes(400)) {
        target("states")(&bytes.0);
    }

    #[test]
    fn datagrams_are_answered_whole_and_once(bytes in bytes(600)) {
        target("datagrams")(&bytes.0);
    }
}

/// `core/fuzz/seeds` has a folder for each target.
#[test]
fn what_once_found_a_fault_finds_none() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds");
    for (name, target) in TARGETS {
        let files = std::fs::read_dir(seeds.join(name)).expect("a folder for each target");
        for file in files {
            let path = file.expect("a name in the folder").path();
            println!("{}", path.display());
            target(&std::fs::read(path).expect("a file"));
        }
    }
}
