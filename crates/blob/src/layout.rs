//! Arithmetic of stripes, pieces and frames: pure, and the only place that knows it.
//!
//! A blob of `size` bytes is cut into stripes of `stripe_bytes`, the last one shorter. A stripe of L bytes is cut into k
//! pieces of ceil(L / k) bytes; the last pieces are filled up with zeros. Every shard, data or parity, has one piece of
//! each stripe, all of one stripe equally long.

use std::ops::Range;

use model::blob::{BlobRef, Redundancy};

use crate::shard::{FILE_HEADER_BYTES, FRAME_HEADER_BYTES};

/// How a blob is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) size_bytes: u64,
    pub(crate) stripe_bytes: u32,
    pub(crate) redundancy: Redundancy,
}

impl Layout {
    pub(crate) fn of(blob: &BlobRef) -> Self {
        Layout { size_bytes: blob.size_bytes, stripe_bytes: blob.stripe_bytes, redundancy: blob.redundancy }
    }

    /// Stripes in all.
    pub(crate) fn stripes(&self) -> u64 {
        self.size_bytes.div_ceil(u64::from(self.stripe_bytes))
    }

    /// Data bytes of a stripe.
    pub(crate) fn stripe_len(&self, stripe: u64) -> u32 {
        let start = stripe * u64::from(self.stripe_bytes);
        let rest = self.size_bytes.saturating_sub(start);
        rest.min(u64::from(self.stripe_bytes)) as u32
    }

    /// Bytes of each piece of a stripe.
    pub(crate) fn piece_len(&self, stripe: u64) -> u32 {
        piece_len(self.stripe_len(stripe), self.redundancy.data)
    }

    /// Where the frame of a stripe begins in a shard file.
    pub(crate) fn frame_offset(&self, stripe: u64) -> u64 {
        let whole = piece_len(self.stripe_bytes, self.redundancy.data);
        FILE_HEADER_BYTES as u64 + stripe * (FRAME_HEADER_BYTES as u64 + u64::from(whole))
    }

    /// Where the last frame ends in a shard file.
    pub(crate) fn frames_end(&self) -> u64 {
        let last = self.stripes().saturating_sub(1);
        self.frame_offset(last) + FRAME_HEADER_BYTES as u64 + u64::from(self.piece_len(last))
    }

    /// The stripes that a range of the blob touches.
    pub(crate) fn stripes_of(&self, range: &Range<u64>) -> Range<u64> {
        let stripe = u64::from(self.stripe_bytes);
        range.start / stripe..range.end.div_ceil(stripe)
    }

    /// The part of a stripe that a range of the blob asks for.
    pub(crate) fn part_of(&self, stripe: u64, range: &Range<u64>) -> Range<u32> {
        let start = stripe * u64::from(self.stripe_bytes);
        let len = u64::from(self.stripe_len(stripe));
        let from = range.start.saturating_sub(start).min(len);
        let to = range.end.saturating_sub(start).min(len);
        from as u32..to as u32
    }

    /// The data shards that a part of a stripe lies on.
    pub(crate) fn shards_of(&self, stripe: u64, part: &Range<u32>) -> Range<u8> {
        let piece = self.piece_len(stripe);
        if part.is_empty() || piece == 0 {
            return 0..0;
        }
        (part.start / piece) as u8..part.end.div_ceil(piece) as u8
    }

    /// The part of a data shard's piece that a part of its stripe lies on.
    pub(crate) fn within_piece(&self, stripe: u64, part: &Range<u32>, shard: u8) -> Range<usize> {
        let piece = self.piece_len(stripe);
        let start = u32::from(shard) * piece;
        let from = part.start.saturating_sub(start).min(piece);
        let to = part.end.saturating_sub(start).min(piece);
        from as usize..to as usize
    }
}

/// Bytes of each piece of a stripe of `stripe_len` bytes.
pub(crate) fn piece_len(stripe_len: u32, data: u8) -> u32 {
    stripe_len.div_ceil(u32::from(data.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn layouts() -> impl Strategy<Value = Layout> {
        (1u64..5_000_000, 1u32..300_000, 1u8..=16, 0u8..=8).prop_map(
            |(size_bytes, stripe_bytes, data, parity)| Layout {
                size_bytes,
                stripe_bytes,
                redundancy: Redundancy { data, parity },
            },
        )
    }

    proptest! {
        #[test]
        fn stripes_and_pieces_hold_the_blob(layout in layouts()) {
            let mut total = 0u64;
            for stripe in 0..layout.stripes().min(50) {
                let len = layout.stripe_len(stripe);
                prop_assert!(len > 0);
                let pieces = u64::from(layout.piece_len(stripe)) * u64::from(layout.redundancy.data);
                prop_assert!(pieces >= u64::from(len));
                prop_assert!(pieces < u64::from(len) + u64::from(layout.redundancy.data));
                total += u64::from(len);
            }
            if layout.stripes() <= 50 {
                prop_assert_eq!(total, layout.size_bytes);
            }
            prop_assert_eq!(layout.stripe_len(layout.stripes()), 0);
        }

        #[test]
        fn a_range_is_the_sum_of_its_pieces(layout in layouts(), a: u64, b: u64) {
            let (a, b) = (a % (layout.size_bytes + 1), b % (layout.size_bytes + 1));
            let range = a.min(b)..a.max(b);
            let mut at = range.start;
            for stripe in layout.stripes_of(&range) {
                let part = layout.part_of(stripe, &range);
                prop_assert!(!part.is_empty() || range.is_empty());
                for shard in layout.shards_of(stripe, &part) {
                    prop_assert!(shard < layout.redundancy.data);
                    let within = layout.within_piece(stripe, &part, shard);
                    prop_assert!(!within.is_empty());
                    let start = stripe * u64::from(layout.stripe_bytes)
                        + u64::from(shard) * u64::from(layout.piece_len(stripe));
                    prop_assert_eq!(start + within.start as u64, at);
                    at += within.len() as u64;
                }
            }
            prop_assert_eq!(at, range.end);
        }

        #[test]
        fn frames_follow_one_another(layout in layouts()) {
            let last = layout.stripes() - 1;
            for stripe in 0..last.min(20) {
                let end = layout.frame_offset(stripe)
                    + FRAME_HEADER_BYTES as u64
                    + u64::from(layout.piece_len(stripe));
                prop_assert_eq!(end, layout.frame_offset(stripe + 1));
            }
            prop_assert!(layout.frames_end() > layout.frame_offset(last));
        }
    }
}
