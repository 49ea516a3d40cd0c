//! Bytes of a fuzzer as choices. Always true: it never fails; where the bytes have ended, every choice is zero.

/// What is left of the bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// All of them.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Input(bytes)
    }

    /// Whether all choices are made.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Up to `len_bytes` bytes; fewer where they end.
    pub(crate) fn take(&mut self, len_bytes: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(len_bytes.min(self.0.len()));
        self.0 = rest;
        head
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        self.take(usize::MAX)
    }

    /// A byte.
    pub(crate) fn u8(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    /// Two bytes, little-endian.
    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.u8(), self.u8()])
    }

    /// Four bytes, little-endian.
    pub(crate) fn u32(&mut self) -> u32 {
        u32::from(self.u16()) | u32::from(self.u16()) << 16
    }

    /// A number that is small, or at an end of its range, or anything: what decoders get wrong.
    pub(crate) fn number(&mut self) -> u64 {
        match self.u8() {
            small @ 0..=199 => u64::from(small),
            200..=219 => u64::MAX - u64::from(self.u8()),
            220..=229 => u64::from(u32::MAX) - u64::from(self.u8()),
            230..=239 => u64::from(self.u16()),
            _ => u64::from(self.u32()) | u64::from(self.u32()) << 32,
        }
    }

    /// The bytes up to the next `mark`, which goes too.
    pub(crate) fn until(&mut self, mark: u8) -> &'a [u8] {
        let at = self.0.iter().position(|byte| *byte == mark).unwrap_or(self.0.len());
        let head = self.take(at);
        self.take(1);
        head
    }
}
