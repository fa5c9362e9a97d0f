//! A line of parts, of which a narrow terminal shows those that matter most. A number that is cut
//! in half could not be recognised as such.

/// The gap between two parts.
const GAP: &str = "   ";

/// The margin before the first part.
const MARGIN: usize = 1;

/// Parts in their order, each with its rank: if they do not fit, the highest rank is dropped first.
#[derive(Debug, Default)]
pub(super) struct Line(Vec<(u8, String)>);

impl Line {
    /// Adds a part; an empty one is ignored.
    pub(super) fn part(mut self, rank: u8, text: impl Into<String>) -> Self {
        let text = text.into();
        if !text.is_empty() {
            self.0.push((rank, text));
        }
        self
    }

    /// The parts that fit into this many columns.
    pub(super) fn fit(mut self, width: usize) -> String {
        while self.width() > width && self.0.len() > 1 {
            let highest = self.0.iter().map(|(rank, _)| *rank).max();
            self.0.retain(|(rank, _)| Some(*rank) != highest);
        }
        let parts: Vec<_> = self.0.into_iter().map(|(_, text)| text).collect();
        let line = format!("{:MARGIN$}{}", "", parts.join(GAP));
        line.chars().take(width).collect()
    }

    /// The columns that all parts take.
    fn width(&self) -> usize {
        let gaps = self.0.len().saturating_sub(1) * GAP.len();
        MARGIN + self.0.iter().map(|(_, text)| text.chars().count()).sum::<usize>() + gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_most_is_left_at_last() {
        let fit = |width| {
            Line::default()
                .part(2, "name")
                .part(1, "0:07")
                .part(3, "")
                .part(0, "failed 1")
                .fit(width)
        };
        assert_eq!(fit(23), " name   0:07   failed 1");
        assert_eq!(fit(22), " 0:07   failed 1");
        assert_eq!(fit(15), " failed 1");
        assert_eq!(fit(5), " fail", "there is nothing else to leave out");
        assert_eq!(Line::default().fit(9), " ");
    }
}
