//! The pages that scrapers can ask for: a request in, an answer out.

use super::super::exposition::MEDIA_TYPE;

/// The longest head of a request, in bytes. Prometheus sends some 200.
pub(super) const LONGEST: usize = 8 << 10;

/// What there is to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    Metrics,
    Readiness,
}

/// A status and a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    status: &'static str,
    text: String,
}

impl Answer {
    pub(super) const fn well(text: String) -> Self {
        Self { status: "200 OK", text }
    }

    pub(super) fn unavailable(text: &str) -> Self {
        Self { status: "503 Service Unavailable", text: text.into() }
    }

    fn refusal(status: &'static str) -> Self {
        Self { status, text: String::new() }
    }

    /// The answer to what was `received` so far, in HTTP/1.1; None if the head is not complete yet.
    pub(super) fn to(received: &[u8], page: impl Fn(Page) -> Self) -> Option<Vec<u8>> {
        let whole = received.windows(4).any(|bytes| bytes == b"\r\n\r\n")
            || received.windows(2).any(|bytes| bytes == b"\n\n");
        let answer = if whole {
            asked(received).map_or_else(Self::refusal, page)
        } else if received.len() >= LONGEST {
            Self::refusal("431 Request Header Fields Too Large")
        } else {
            return None;
        };
        let Self { status, text } = answer;
        let length = text.len();
        // HEAD asks for all but the text (RFC 9110, 9.3.2).
        let content = if received.starts_with(b"HEAD ") { "" } else { &text };
        Some(
            format!(
                "HTTP/1.1 {status}\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {length}\r\n\
                 Allow: GET, HEAD\r\nConnection: close\r\n\r\n{content}"
            )
            .into_bytes(),
        )
    }
}

/// The page that a request asks for, or the status that refuses it.
fn asked(request: &[u8]) -> Result<Page, &'static str> {
    let line = request.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let words: Vec<_> = line.trim_ascii_end().split(|byte| *byte == b' ').collect();
    let [method, target, version] = words[..] else { return Err("400 Bad Request") };
    if !version.starts_with(b"HTTP/1.") {
        return Err("400 Bad Request");
    }
    if ![&b"GET"[..], b"HEAD"].contains(&method) {
        return Err("405 Method Not Allowed");
    }
    match target.split(|byte| *byte == b'?').next() {
        Some(b"/metrics") => Ok(Page::Metrics),
        Some(b"/ready") => Ok(Page::Readiness),
        _ => Err("404 Not Found"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(request: &[u8]) -> Option<String> {
        let answer = Answer::to(request, |page| Answer::well(format!("{page:?}")))?;
        let answer = String::from_utf8(answer).expect("text");
        let (head, text) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", text.len())), "{head}");
        let (status, _) = head.split_once("\r\n").expect("lines");
        Some(format!("{} {text}", status.trim_start_matches("HTTP/1.1 ")))
    }

    #[test]
    fn the_page_that_is_asked_for_is_answered_and_no_other() {
        for (request, due) in [
            ("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK Metrics"),
            ("GET /metrics?name=x HTTP/1.0\r\n\r\n", "200 OK Metrics"),
            ("GET /ready HTTP/1.1\n\n", "200 OK Readiness"),
            ("GET / HTTP/1.1\r\n\r\n", "404 Not Found "),
            ("GET /metricsx HTTP/1.1\r\n\r\n", "404 Not Found "),
            ("GET /../metrics HTTP/1.1\r\n\r\n", "404 Not Found "),
            ("POST /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed "),
            ("get /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed "),
            ("GET /metrics\r\n\r\n", "400 Bad Request "),
            ("GET /metrics HTTP/2.0\r\n\r\n", "400 Bad Request "),
            ("GET  /metrics HTTP/1.1\r\n\r\n", "400 Bad Request "),
            ("\r\n\r\n", "400 Bad Request "),
        ] {
            assert_eq!(status(request.as_bytes()).as_deref(), Some(due), "{request:?}");
        }
        assert_eq!(status(b"\x16\x03\x01\0\xff\n\n").as_deref(), Some("400 Bad Request "), "TLS");
    }

    #[test]
    fn head_is_answered_like_get_but_for_the_text() {
        let answer = |method: &str, path: &str| {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n");
            let page = |page| match page {
                Page::Metrics => Answer::well("echo_connections 0\n".into()),
                Page::Readiness => Answer::unavailable("draining\n"),
            };
            String::from_utf8(Answer::to(request.as_bytes(), page).expect("whole")).expect("text")
        };
        for (path, text) in
            [("/metrics", "echo_connections 0\n"), ("/ready", "draining\n"), ("/other", "")]
        {
            assert_eq!(answer("GET", path), answer("HEAD", path) + text);
        }
        assert!(answer("DELETE", "/ready").contains("\r\nAllow: GET, HEAD\r\n"));
    }

    #[test]
    fn a_head_is_waited_for_until_it_is_whole_or_too_long() {
        let request = b"GET /ready HTTP/1.1\r\nHost: a\r\n\r\n";
        for part in 0..request.len() {
            assert_eq!(status(&request[..part]), None, "{part}");
        }
        assert_eq!(status(&[b'a'; LONGEST - 1]), None);
        let long = status(&[b'a'; LONGEST]);
        assert_eq!(long.as_deref(), Some("431 Request Header Fields Too Large "));
    }
}
