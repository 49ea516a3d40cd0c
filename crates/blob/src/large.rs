//! Writing the shard files of a large blob, or some of them anew.
//!
//! What always holds: a byte is copied once, from the chunk it came in into the file it goes to; parity is computed from
//! there straight into the parity files' buffers. A full buffer is handed to its drive at once, and the next stripe is
//! gathered while it is being written; there is one buffer for each file, so that few are in use and these come from a near
//! cache.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use model::blob::BlobRef;

use crate::drive::Drive;
use crate::erasure::Code;
use crate::error::{BlobError, ShardFault};
use crate::layout::piece_len;
use crate::shard::{FILE_HEADER_BYTES, FrameHeader, Identity, encode_file_header, encode_footer};
use crate::sink::{Sink, discard_all, nudge, settle};
use crate::staging::Stage;
use crate::store::Store;
use crate::stripe::Pieces;

/// How much of each shard is copied, encoded and summed before the next part is begun, so that each step finds it in a near
/// cache.
const STRIP_BYTES: usize = 8 * 1024;

/// The shard files of a blob being written.
pub(crate) struct LargeWriter {
    store: Arc<Store>,
    blob: BlobRef,
    files: Vec<ShardFile>,
    stripes: u32,
    reserved: Option<u64>,
    /// Shards that must be written; a repair takes what it gets.
    quorum: usize,
    /// Longest payload of a frame.
    payload_max: usize,
}

struct ShardFile {
    shard: u8,
    stage: Stage,
    sink: Sink,
}

impl LargeWriter {
    /// Begins the files of all shards; a shard without a drive is missing from the start.
    pub(crate) fn create(
        store: &Arc<Store>,
        blob: &BlobRef,
        drives: &[Option<Arc<Drive>>],
        reserved: Option<u64>,
        repair: bool,
    ) -> Self {
        let all = (0u8..).zip(drives.iter().cloned());
        let quorum = blob.redundancy.write_quorum();
        Self::begin(store, blob, all, reserved, repair, quorum)
    }

    /// Begins the files of some shards anew, beside what is there.
    pub(crate) fn repair(
        store: &Arc<Store>,
        blob: &BlobRef,
        shards: Vec<(u8, Option<Arc<Drive>>)>,
        reserved: u64,
    ) -> Self {
        Self::begin(store, blob, shards.into_iter(), Some(reserved), true, 1)
    }

    fn begin(
        store: &Arc<Store>,
        blob: &BlobRef,
        shards: impl Iterator<Item = (u8, Option<Arc<Drive>>)>,
        reserved: Option<u64>,
        repair: bool,
        quorum: usize,
    ) -> Self {
        let payload_max = piece_len(blob.stripe_bytes, blob.redundancy.data) as usize;
        let files = shards.map(|(shard, drive)| {
            let header: [u8; FILE_HEADER_BYTES] = encode_file_header(&Identity::of(blob, shard));
            ShardFile {
                shard,
                stage: Stage::new(&store.staging, payload_max, &header),
                sink: Sink::create(drive, blob.id, shard, reserved, repair),
            }
        });
        LargeWriter {
            files: files.collect(),
            store: Arc::clone(store),
            blob: blob.clone(),
            stripes: 0,
            reserved,
            quorum,
            payload_max,
        }
    }

    /// Cuts the next stripe into its pieces and computes the parity.
    pub(crate) async fn stripe(&mut self, code: &Code, chunks: &[Bytes], len: u32) -> Result<(), BlobError> {
        let data = usize::from(self.blob.redundancy.data);
        let piece = piece_len(len, self.blob.redundancy.data) as usize;
        self.make_room().await?;
        let mut headers = self.open_frames(piece);
        let mut sources: Vec<Cut<'_>> = (0..data).map(|number| Cut::from(chunks, number * piece)).collect();
        for start in (0..piece).step_by(STRIP_BYTES) {
            let strip = start..piece.min(start + STRIP_BYTES);
            let (data_files, parity_files) = self.files.split_at_mut(data);
            for (file, source) in data_files.iter_mut().zip(&mut sources) {
                source.fill(file.stage.payload_mut(strip.clone()));
            }
            let data: Vec<&[u8]> = data_files.iter().map(|file| file.stage.payload(strip.clone())).collect();
            let mut parity: Vec<&mut [u8]> =
                parity_files.iter_mut().map(|file| file.stage.payload_mut(strip.clone())).collect();
            code.encode(&data, &mut parity)?;
            self.sum(&mut headers, strip);
        }
        self.close_frames(headers);
        Ok(())
    }

    /// Takes the pieces of the next stripe for the files there are.
    pub(crate) async fn pieces(&mut self, pieces: &Pieces, len: u32) -> Result<(), BlobError> {
        let piece_len = piece_len(len, self.blob.redundancy.data) as usize;
        self.make_room().await?;
        let mut headers = self.open_frames(piece_len);
        for file in &mut self.files {
            let piece = pieces.get(usize::from(file.shard)).cloned().flatten();
            let piece = piece.unwrap_or_default();
            assert_eq!(piece.len(), piece_len, "a fetched stripe has the pieces that were wanted");
            file.stage.payload_mut(0..piece_len).copy_from_slice(&piece);
        }
        self.sum(&mut headers, 0..piece_len);
        self.close_frames(headers);
        Ok(())
    }

    fn open_frames(&mut self, piece_len: usize) -> Vec<FrameHeader> {
        let (id, stripe) = (self.blob.id, self.stripes);
        let open = |file: &mut ShardFile| {
            file.stage.open_frame(piece_len);
            FrameHeader::new(&id, file.shard, stripe, piece_len)
        };
        self.files.iter_mut().map(open).collect()
    }

    fn sum(&self, headers: &mut [FrameHeader], strip: Range<usize>) {
        for (file, header) in self.files.iter().zip(headers) {
            header.update(file.stage.payload(strip.clone()));
        }
    }

    fn close_frames(&mut self, headers: Vec<FrameHeader>) {
        for (file, header) in self.files.iter_mut().zip(headers) {
            file.stage.close_frame(&header.encode());
        }
        self.stripes += 1;
    }

    /// Waits until the drives are done with the buffers that were handed to them.
    async fn make_room(&mut self) -> Result<(), BlobError> {
        let has_room = self.files.iter().all(|file| file.stage.has_buffer());
        if has_room { Ok(()) } else { self.settle().await }
    }

    /// Hands full buffers to the drives. Not after the last stripe: what is left of the file goes with it.
    pub(crate) async fn hand_over(&mut self) -> Result<(), BlobError> {
        let payload_max = self.payload_max;
        let is_full = self.files.iter().any(|file| file.stage.is_full(payload_max));
        if !is_full {
            return Ok(());
        }
        self.settle().await?;
        for file in &mut self.files {
            let Some(piece) = file.stage.take_if_full(payload_max) else { continue };
            match file.sink.is_alive() {
                true => file.sink.write(piece),
                false => file.stage.clear(),
            }
        }
        self.nudge().await;
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), BlobError> {
        let patience = self.store.options.patience();
        let sinks = self.files.iter_mut().map(|file| &mut file.sink);
        let synced = settle(&self.store.env, sinks, self.quorum, patience).await;
        if synced < self.quorum {
            return Err(BlobError::WriteQuorum {
                blob: self.blob.id,
                synced,
                needed: self.quorum,
                faults: self.faults(),
            });
        }
        Ok(())
    }

    /// Lets writes under way go on, without waiting.
    pub(crate) async fn nudge(&mut self) {
        nudge(self.files.iter_mut().map(|file| &mut file.sink)).await;
    }

    /// Writes the footers and commits; gives the shards that did not make it.
    pub(crate) async fn finish(
        mut self,
        blob: &BlobRef,
        descriptor: &[u8],
    ) -> Result<Vec<ShardFault>, BlobError> {
        self.settle().await?;
        for file in &mut self.files {
            if !file.sink.is_alive() {
                continue;
            }
            let footer = encode_footer(&blob.id, file.shard, blob.size_bytes, descriptor);
            let (piece, end) = file.stage.finish(&footer, self.reserved);
            file.sink.finish(piece, end);
        }
        self.settle().await?;
        let faults = self.faults();
        self.files.clear(); // Committed: nothing to discard.
        Ok(faults)
    }

    fn faults(&self) -> Vec<ShardFault> {
        let faults = self.files.iter().filter_map(|file| file.sink.fault());
        faults.collect()
    }
}

impl Drop for LargeWriter {
    fn drop(&mut self) {
        if !self.files.is_empty() {
            let sinks = self.files.drain(..).map(|file| file.sink).collect();
            discard_all(&self.store.env, sinks);
        }
    }
}

/// Walks through chunks as one run of bytes.
struct Cut<'a> {
    chunks: std::slice::Iter<'a, Bytes>,
    rest: &'a [u8],
}

impl<'a> Cut<'a> {
    /// Behind the first `skip` bytes.
    fn from(chunks: &'a [Bytes], mut skip: usize) -> Self {
        let mut chunks = chunks.iter();
        loop {
            let Some(chunk) = chunks.next() else { return Cut { chunks, rest: &[] } };
            match chunk.get(skip..) {
                Some(rest) => return Cut { chunks, rest },
                None => skip -= chunk.len(),
            }
        }
    }

    /// Fills the place with what comes next, and with zeros behind the end.
    fn fill(&mut self, mut place: &mut [u8]) {
        while !place.is_empty() {
            if self.rest.is_empty() {
                match self.chunks.next() {
                    Some(chunk) => self.rest = chunk,
                    None => {
                        place.fill(0);
                        return;
                    }
                }
                continue;
            }
            let len = place.len().min(self.rest.len());
            let (now, later) = self.rest.split_at(len);
            let (head, tail) = place.split_at_mut(len);
            head.copy_from_slice(now);
            (self.rest, place) = (later, tail);
        }
    }
}
