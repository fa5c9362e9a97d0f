//! What whoever starts a board may choose, as words in one line: `ip=192.168.69.1/24` (up to
//! three times), `port=2333`, `idle=30000` (in milliseconds, 0 for no limit), `rfc862`,
//! `one-shot`.

use core::time::Duration;

use echo_smoltcp::smoltcp::wire::IpCidr;
use echo_smoltcp::{Host, Service};
use heapless::Vec;

pub(crate) struct Settings {
    pub(crate) addresses: Vec<IpCidr, { Host::ADDRESSES }>,
    pub(crate) service: Service,
}

impl Settings {
    /// Reads a line.
    ///
    /// # Errors
    ///
    /// The first word that is not understood.
    pub(crate) fn read(line: &str) -> Result<Self, &str> {
        let mut settings = Self { addresses: Vec::new(), service: Service::default() };
        settings.service.rules.idle = Some(Duration::from_secs(30));
        for word in line.split_ascii_whitespace() {
            settings.take(word).ok_or(word)?;
        }
        if settings.addresses.is_empty() {
            settings.take("ip=192.168.69.1/24");
        }
        Ok(settings)
    }

    fn take(&mut self, word: &str) -> Option<()> {
        let rules = &mut self.service.rules;
        match word.split_once('=') {
            Some(("ip", cidr)) => self.addresses.push(cidr.parse().ok()?).ok()?,
            Some(("port", port)) => {
                self.service.port = port.parse().ok().filter(|port| *port > 0)?
            }
            Some(("idle", ms)) => {
                rules.idle = Some(ms.parse().ok()?).filter(|ms| *ms > 0).map(Duration::from_millis);
            }
            None if word == "rfc862" => rules.exit = false,
            None if word == "one-shot" => rules.one_shot = true,
            _ => return None,
        }
        Some(())
    }
}
