//! `hosted client`: sends lines and shows what comes back.
//!
//! Every line is one exchange, which ends when as many bytes came back as were
//! sent; then the next line is taken. The server's end is noticed at once, also
//! while the user types. The exit code is 1 when the server ended before the
//! user, or before the input, did.

mod conversation;
mod exchange;
mod input;
mod screen;

use std::io::{self, IsTerminal};
use std::{process, thread};

use anyhow::{Context, Result, anyhow};

use self::conversation::Conversation;
use self::input::Input;
use self::screen::Screen;
use crate::cli::ClientArgs;
use crate::progress::{complain, note};
use crate::signals::Stop;
use crate::{Verdict, address};

/// Runs `hosted client`.
///
/// # Errors
///
/// If the server cannot be reached, or the standard input or output is broken.
pub fn main(args: &ClientArgs) -> Result<Verdict> {
    let person_reads = io::stdout().is_terminal();
    let dialogue = person_reads && args.message.is_none() && io::stdin().is_terminal();
    leave_on_signals(dialogue).context("cannot catch signals")?;

    let input = Input::standard(input::Form { typed: dialogue, once: args.one_shot })
        .context("cannot open the standard input")?;
    let input = match &args.message {
        Some(message) => input.with_message(message),
        None => input,
    };
    let screen = match (person_reads, dialogue) {
        (_, true) => screen::Form::Dialogue,
        (true, false) => screen::Form::Escaped,
        (false, false) => screen::Form::Raw,
    };

    let addresses = args.target.target().resolve(args.target.port)?;
    let stream = address::connect(&addresses, args.timeout.0)?;
    stream.set_nonblocking(true).context("cannot prepare the connection")?;

    let screen = Screen::new(io::stdout(), screen);
    let Some(complaint) = Conversation::new(args, stream, input, screen).run()? else {
        return Ok(Verdict::Well);
    };
    complain(&anyhow!(complaint));
    Ok(Verdict::Failed)
}

/// Ends the program at the first Ctrl+C, whatever it waits for: there is
/// nothing to finish. In a dialogue the shell's prompt gets a line of its own.
fn leave_on_signals(dialogue: bool) -> io::Result<()> {
    let stop = Stop::on_signals()?;
    stop.arm();
    thread::Builder::new().name("signals".into()).spawn(move || {
        stop.wait();
        if dialogue {
            note("");
        }
        process::exit(0);
    })?;
    Ok(())
}
