//! What the scanner holds back, against the whole input: it forgets all but a part of the
//! word, and still decides as if it remembered everything.

use arbitrary::{Result, Unstructured};
use echo_core::ExitScanner;

const WORDS: [&[u8]; 3] = [b"exit", b"exit\n", b"exit\r\n"];

pub(crate) fn holds_back_the_word_alone(u: &mut Unstructured<'_>) -> Result<()> {
    let mut scanner = ExitScanner::new();
    let (mut input, mut output) = (Vec::new(), Vec::new());
    // Where a message may start.
    let mut starts = vec![0];
    while !u.is_empty() {
        let quiet = u.ratio(1, 3)?;
        if quiet {
            output.extend(scanner.quiet());
            starts.push(input.len());
        } else {
            let piece = piece(u)?;
            let scan = scanner.receive(&piece);
            input.extend(&piece);
            output.extend(scan.released);
            if scan.is_data {
                output.extend(&piece);
            }
        }
        let messages = || starts.iter().map(|&start| &input[start..]);
        let word = messages().any(|message| WORDS.contains(&message));
        let begins = |message: &[u8]| WORDS.iter().any(|word| word.starts_with(message));
        let begun = messages().any(|message| !message.is_empty() && begins(message));
        assert_eq!(scanner.holds_word(), word);
        assert!(input.starts_with(&output), "in order, unchanged, each byte once");
        assert_eq!(scanner.held(), input.len() - output.len());
        assert_eq!(scanner.held() > 0, if quiet { word } else { begun });
    }
    match scanner.end() {
        None => assert!(WORDS.contains(&&input[..]), "the word, and nothing but it"),
        Some(tail) => {
            output.extend(tail);
            assert_eq!(output, input, "all the rest is data");
            assert!(!WORDS.contains(&&input[..]));
        }
    }
    Ok(())
}

/// Never empty: a driver does not tell of nothing.
fn piece(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    const PIECES: [&[u8]; 10] =
        [b"e", b"x", b"it", b"exit", b"exit\n", b"exit\r\n", b"\r", b"\n", b"t", b"it\r"];
    Ok(match u.int_in_range(0..=11)? {
        index @ 0..=9 => PIECES[index].to_vec(),
        _ => vec![u.arbitrary()?],
    })
}
