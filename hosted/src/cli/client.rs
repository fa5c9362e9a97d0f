//! The flags of `hosted client`.

use clap::Args;
use echo_instruments::quantity::given::{self, Limit};

use super::TargetArgs;
use crate::server::LARGEST_BUFFER;

const EXCHANGE: &str = "Exchange";

/// Flags of `hosted client`.
#[derive(Debug, Args)]
pub(crate) struct ClientArgs {
    /// Where to connect.
    #[command(flatten)]
    pub(crate) target: TargetArgs,

    /// Talk over UDP, a datagram per message
    ///
    /// Talk over UDP. Each message is a datagram: a line that is typed, --message, and of other input
    /// what has arrived, up to --buffer bytes. The next one is sent when the echo is back. An echo that
    /// does not come back within --timeout is reported as lost; nothing is sent again. Reported, too, is
    /// what comes late, twice, changed, or from another address. The line `exit` is not sent, but ends
    /// the session.
    #[arg(short, long, help_heading = EXCHANGE)]
    pub(crate) udp: bool,

    /// Give up on an echo after TIME; 0: never
    ///
    /// Give up if an echo is outstanding and nothing has moved for this long. 0 or negative: never
    /// [default: -1; with --udp 1].
    #[arg(long, value_name = "TIME", help_heading = EXCHANGE)]
    pub(crate) timeout: Option<Limit>,

    /// Read at most this much at once
    ///
    /// Read at most this many bytes at once, 1 to 65536. It never limits a message, except that with
    /// --udp it limits the datagrams made of a file or a pipe.
    #[arg(long, value_name = "BYTES", default_value_t = 1024, help_heading = EXCHANGE,
          value_parser = given::bytes::<u32>(1..=LARGEST_BUFFER as u64))]
    pub(crate) buffer: u32,

    /// Send one line, print its echo, exit
    ///
    /// Send the first line of standard input, print its echo, and exit. The message `exit` takes 200 ms:
    /// a server takes that much silence for the end of a message.
    #[arg(short = '1', long, help_heading = EXCHANGE)]
    pub(crate) one_shot: bool,

    /// Send TEXT, print its echo, exit
    ///
    /// Send this text instead of standard input, print its echo, and exit.
    #[arg(short, long, value_name = "TEXT", help_heading = EXCHANGE)]
    pub(crate) message: Option<String>,
}
