//! When a replica asks for the rows of another one, as its own can't be read. Pure.

/// Ticks before it asks first: a leader has handed over by then.
const REST_TICKS_MIN: u32 = 10;
/// Ticks between two times that it asks, at most; they double.
const REST_TICKS_MAX: u32 = 6_000;

/// Whether a replica's rows are to be replaced, and when to ask for others again.
#[derive(Debug, Default)]
pub(crate) struct Refill {
    /// Ticks until it is asked for next, and the rest after that; `None`: the rows are well, as far as is known.
    wait: Option<(u32, u32)>,
}

impl Refill {
    /// Rows could not be read.
    pub(crate) fn want(&mut self) {
        self.wait.get_or_insert((REST_TICKS_MIN, REST_TICKS_MIN));
    }

    /// A tick has passed. Whether to ask now.
    pub(crate) fn tick(&mut self) -> bool {
        let Some((left, rest)) = &mut self.wait else {
            return false;
        };
        *left -= 1;
        if *left > 0 {
            return false;
        }
        *rest = (*rest * 2).min(REST_TICKS_MAX);
        *left = *rest;
        true
    }

    /// The rows are another one's now.
    pub(crate) fn done(&mut self) {
        self.wait = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wants_rows_asks_ever_more_rarely_until_they_are_there() {
        let mut refill = Refill::default();
        assert!((0..1000).all(|_| !refill.tick()), "nothing is wrong");
        refill.want();
        let asked: Vec<u32> = (1..=70_000)
            .filter(|_| {
                refill.want();
                refill.tick()
            })
            .collect();
        assert_eq!(asked[..4], [10, 30, 70, 150]);
        assert!(asked.windows(2).all(|pair| pair[1] - pair[0] <= REST_TICKS_MAX), "{asked:?}");
        assert!(asked.len() < 20);
        refill.done();
        assert!((0..70_000).all(|_| !refill.tick()));
    }
}
