//! Carries out the cases of UDP: the one loop that sends what they say.

use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use echo_cases::Case;
use echo_cases::datagrams::{Datagram, Place, Port, Step};
use echo_core::script::{Body, Sample};
use echo_core::{Instant, Payload};

use super::Server;
use super::door::{Unconnected, Unsent};
use super::sent::{self, Due, Sent, Wrong};
use crate::load::TICK;
use crate::signals::Stop;

/// How often a datagram is sent that does not come back, and how often a case is carried out whose
/// datagrams come back twice: a network may lose or double one, but not each time.
const TRIES: usize = 4;

/// When a datagram is sent again, in tenths of the time that its echo may take.
const AGAIN: [u32; TRIES] = [0, 1, 3, 6];

/// How long an echo may take where there is no limit; a case has one of its own.
pub(super) const LONG: Duration = Duration::from_secs(10);

/// How long a double may come after the echo.
const MOMENT: Duration = Duration::from_millis(100);

/// The longest datagram that can arrive.
pub(super) const WHOLE: usize = 1 << 16;

/// Carries out cases, one after another.
pub(super) struct Conductor<'a, U> {
    sockets: &'a mut U,
    server: &'a Server,
    patience: Option<Duration>,
    stop: &'a Stop,
    /// The number of sockets so far: what each sends is its own.
    opened: u16,
    /// The number of datagrams so far.
    number: u64,
    buffer: Vec<u8>,
}

/// How a case ended.
pub(super) enum Ended {
    /// As it should; with what is worth knowing.
    Well(Option<String>),
    /// It cannot be carried out; with the reason.
    Cannot(String),
    /// The server did something wrong in this step.
    Failed { step: usize, wrong: Wrong },
    /// A stop was requested.
    Stopped,
}

/// What there is while a case is carried out.
struct Scene<'l> {
    asked: SocketAddr,
    /// The ports that are open, by the numbers of their sockets; and the numbers of what they send.
    ports: Vec<(Port, u16)>,
    sent: Vec<Sent>,
    /// How many were sent again.
    again: usize,
    step: usize,
    until: Instant,
    tick: Instant,
    look: &'l mut dyn FnMut(),
}

/// Goes on, or ends the case.
type Flow = ControlFlow<Ended>;

impl<'a, U: Unconnected> Conductor<'a, U> {
    pub(super) fn new(
        sockets: &'a mut U,
        server: &'a Server,
        patience: Option<Duration>,
        stop: &'a Stop,
    ) -> Self {
        Self { sockets, server, patience, stop, opened: 0, number: 0, buffer: vec![0; WHOLE] }
    }

    pub(super) fn now(&self) -> Instant {
        self.sockets.now()
    }

    /// Carries out a case; `look` is called several times a second.
    ///
    /// # Errors
    ///
    /// If there is no way to wait.
    pub(super) fn case(
        &mut self,
        case: &Case<'static, Step<'static>>,
        look: &mut dyn FnMut(),
    ) -> io::Result<Ended> {
        let now = self.now();
        let until = now + case.bound;
        let mut runs = 0;
        loop {
            runs += 1;
            let mut scene = Scene {
                asked: self.server.address,
                ports: Vec::new(),
                sent: Vec::new(),
                again: 0,
                step: 0,
                until,
                tick: now + TICK,
                look: &mut *look,
            };
            let flow = self.steps(case.rounds, &mut scene)?;
            (0..scene.ports.len()).for_each(|socket| self.sockets.close(socket));
            if let ControlFlow::Break(ended) = flow {
                return Ok(ended);
            }
            let (doubled, of) = scene.doubled();
            if 2 * doubled <= of {
                return Ok(Ended::Well(scene.note(doubled, of)));
            }
            if runs == TRIES {
                let wrong = Wrong::Doubled { doubled, of, runs };
                return Ok(Ended::Failed { step: scene.step, wrong });
            }
        }
    }

    fn steps(&mut self, steps: &[Step<'static>], scene: &mut Scene<'_>) -> io::Result<Flow> {
        for (number, step) in steps.iter().enumerate() {
            scene.step = number;
            let flow = match step {
                Step::At(place) => match address(self.server, *place) {
                    Ok(address) => {
                        scene.asked = address;
                        Flow::Continue(())
                    }
                    Err(why) => Flow::Break(Ended::Cannot(why.into())),
                },
                Step::Echo(datagrams) => self.echo(datagrams, scene)?,
                Step::Flood(datagram, times) => {
                    (0..*times).try_for_each(|_| self.send_one(datagram, Due::Anything, scene))
                }
                Step::Vanish(body, times) => {
                    (0..*times).try_for_each(|_| self.vanish(*body, scene))
                }
                Step::Unanswered(datagram) => self.send_one(datagram, Due::Nothing, scene),
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        let until = self.now() + MOMENT;
        self.hear(until, scene, |_| false)
    }

    /// Sends these until they are back, or have been sent often enough.
    fn echo(&mut self, datagrams: &[Datagram<'static>], scene: &mut Scene<'_>) -> io::Result<Flow> {
        let first = scene.sent.len();
        for datagram in datagrams {
            if let ControlFlow::Break(ended) = self.make(datagram, Due::Echo, scene) {
                return Ok(Flow::Break(ended));
            }
        }
        let begun = self.now();
        let end = self.patience.map_or(scene.until, |patience| scene.until.min(begun + patience));
        let tenth = self.patience.unwrap_or(LONG) / 10;
        for tries in 1..=TRIES {
            for index in first..scene.sent.len() {
                if scene.sent[index].back > 0 {
                    continue;
                }
                scene.again += usize::from(tries > 1);
                if let ControlFlow::Break(ended) = self.send(index, scene) {
                    return Ok(Flow::Break(ended));
                }
            }
            let next = AGAIN.get(tries).map_or(end, |tenths| end.min(begun + tenth * *tenths));
            let all = |sent: &[Sent]| sent[first..].iter().all(|it| it.back > 0);
            let flow = self.hear(next, scene, all)?;
            if flow.is_break() || all(&scene.sent) {
                return Ok(flow);
            }
        }
        let wrong = match scene.sent[first..].iter().find(|it| it.back == 0) {
            _ if end == scene.until => Wrong::Unfinished,
            None => Wrong::Unfinished,
            Some(lost) => Wrong::Lost {
                back: scene.sent[first..].iter().filter(|it| it.back > 0).count(),
                of: datagrams.len(),
                tries: TRIES,
                due: Sample::of(&lost.bytes),
                length: lost.bytes.len(),
            },
        };
        Ok(scene.failed(wrong))
    }

    /// Hears all that comes until this instant, or until it is enough.
    fn hear(
        &mut self,
        until: Instant,
        scene: &mut Scene<'_>,
        enough: impl Fn(&[Sent]) -> bool,
    ) -> io::Result<Flow> {
        loop {
            for socket in 0..scene.ports.len() {
                if let Err(wrong) = self.take(socket, scene) {
                    return Ok(scene.failed(wrong));
                }
            }
            let now = self.now();
            if self.stop.requested() {
                return Ok(Flow::Break(Ended::Stopped));
            }
            if now >= until || enough(&scene.sent) {
                return Ok(Flow::Continue(()));
            }
            if now >= scene.tick {
                (scene.look)();
                scene.tick = now + TICK;
            }
            self.sockets.wait(until.min(scene.tick))?;
        }
    }

    /// Judges all that has arrived at a socket.
    fn take(&mut self, socket: usize, scene: &mut Scene<'_>) -> Result<(), Wrong> {
        while let Some((length, from)) =
            self.sockets.receive(socket, &mut self.buffer).map_err(Wrong::Broken)?
        {
            let bytes = self.buffer.get(..length).unwrap_or(&self.buffer);
            let asked = scene.asked;
            if (from.ip(), from.port()) == (asked.ip(), asked.port()) {
                sent::judge(&mut scene.sent, socket, bytes)?;
            } else if sent::is_known(&scene.sent, socket, bytes) {
                return Err(Wrong::Elsewhere { asked, from });
            }
        }
        Ok(())
    }

    /// Makes a datagram and sends it once.
    fn send_one(&mut self, datagram: &Datagram<'static>, due: Due, scene: &mut Scene<'_>) -> Flow {
        self.make(datagram, due, scene)?;
        self.send(scene.sent.len() - 1, scene)
    }

    fn send(&mut self, index: usize, scene: &mut Scene<'_>) -> Flow {
        let it = &mut scene.sent[index];
        it.times += 1;
        match self.sockets.send(it.socket, scene.asked, &it.bytes) {
            // It is as good as lost.
            Ok(()) | Err(Unsent::Full) => Flow::Continue(()),
            Err(Unsent::Never(why)) => Flow::Break(Ended::Cannot(why)),
            Err(Unsent::Failed(failure)) => scene.failed(Wrong::Broken(failure)),
        }
    }

    /// Opens the port of a datagram, if it is not open, and makes its bytes.
    fn make(&mut self, datagram: &Datagram<'static>, due: Due, scene: &mut Scene<'_>) -> Flow {
        let known = scene.ports.iter().position(|(port, _)| *port == datagram.from);
        let socket = known.unwrap_or(scene.ports.len());
        if known.is_none() {
            let number = match datagram.from {
                Port::Free(_) => None,
                Port::Number(number) => Some(number),
                Port::Servers => Some(scene.asked.port()),
            };
            if let Err(why) = self.sockets.open(socket, scene.asked, number) {
                let port = number.map_or("a local port".into(), |number| format!("port {number}"));
                return Flow::Break(Ended::Cannot(format!("cannot use {port}: {why}")));
            }
            self.opened = self.opened.wrapping_add(1);
            scene.ports.push((datagram.from, self.opened));
        }
        let (bytes, made) = self.bytes(datagram.body, scene.ports[socket].1);
        scene.sent.push(Sent { socket, bytes, made, due, step: scene.step, times: 0, back: 0 });
        Flow::Continue(())
    }

    /// The bytes of a body, each time others if they are its own.
    fn bytes(
        &mut self,
        body: Body<'static>,
        connection: u16,
    ) -> (Vec<u8>, (Payload<&'static [u8]>, u64)) {
        self.number += 1;
        let payload = body.text.map_or(Payload::Seq { run: 862, connection }, Payload::Bytes);
        let mut bytes = vec![0; usize::try_from(body.length).unwrap_or(WHOLE).min(WHOLE)];
        payload.fill(self.number, 0, &mut bytes);
        (bytes, (payload, self.number))
    }

    /// One client that sends something and is gone.
    fn vanish(&mut self, body: Body<'static>, scene: &mut Scene<'_>) -> Flow {
        let socket = scene.ports.len();
        if let Err(why) = self.sockets.open(socket, scene.asked, None) {
            return Flow::Break(Ended::Cannot(format!("cannot use a local port: {why}")));
        }
        self.opened = self.opened.wrapping_add(1);
        let (bytes, _) = self.bytes(body, self.opened);
        // One that is not sent is gone, too.
        let sent = self.sockets.send(socket, scene.asked, &bytes);
        self.sockets.close(socket);
        match sent {
            Err(Unsent::Failed(failure)) => scene.failed(Wrong::Broken(failure)),
            _ => Flow::Continue(()),
        }
    }
}

impl Scene<'_> {
    const fn failed(&self, wrong: Wrong) -> Flow {
        let step = if let Wrong::Answered { step, .. } = wrong { step } else { self.step };
        Flow::Break(Ended::Failed { step, wrong })
    }

    /// How many came back more often than they were sent, and of how many.
    fn doubled(&self) -> (usize, usize) {
        let due = || self.sent.iter().filter(|it| it.due == Due::Echo);
        (due().filter(|it| it.back > it.times).count(), due().count())
    }

    /// What a user wants to know of a case that passed.
    fn note(&self, doubled: usize, of: usize) -> Option<String> {
        let lost = (self.again > 0).then(|| format!("{} sent again", self.again));
        let doubled = (doubled > 0).then(|| format!("{doubled} of {of} came twice"));
        let all: Vec<_> = lost.into_iter().chain(doubled).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }
}

/// The address of the server that a case is about, or why there is none.
fn address(server: &Server, place: Place) -> Result<SocketAddr, &'static str> {
    let asked = server.address;
    let mut all = [asked].into_iter().chain(server.also.iter().copied());
    let is_local =
        |it: &SocketAddr| matches!(it, SocketAddr::V6(v6) if v6.ip().is_unicast_link_local());
    let v4 = |it: &SocketAddr| it.is_ipv4();
    match place {
        Place::Other => all
            .find(|it| it.ip() != asked.ip() && it.is_ipv4() == asked.is_ipv4() && !is_local(it))
            .ok_or("needs another address of that family (--also)"),
        Place::V4 => all.find(v4).ok_or("needs an IPv4 address of the server (--also)"),
        Place::V6 => all
            .find(|it| it.is_ipv6() && !is_local(it))
            .ok_or("needs an IPv6 address of the server (--also)"),
        Place::Mapped => all
            .find_map(|it| match it {
                SocketAddr::V4(v4) => Some(SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port()))),
                SocketAddr::V6(_) => None,
            })
            .ok_or("needs an IPv4 address of the server (--also)"),
        Place::LinkLocal => {
            all.find(is_local).ok_or("needs a link-local address of the server (--also)")
        }
    }
}
