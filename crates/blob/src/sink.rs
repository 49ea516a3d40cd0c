//! Shard files being written, one operation at a time each, all drives at once.
//!
//! What always holds: a file is committed (synced, then named durably) after all its bytes are written; a sink that
//! failed writes no more. A file is removed only when its whole blob is given up: what a failed or silent drive has of a
//! blob that was acknowledged is left for a repair to replace, as an unlink that comes late would take the repaired one
//! away. No task is spawned: an operation is begun where it is handed over, and goes on while its
//! writer is polled.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use env::{BoxFuture, Env};
use futures_util::future::join_all;
use model::ids::BlobId;

use crate::drive::Drive;
use crate::drive::file::NewFile;
use crate::error::{FaultKind, ShardFault};
use crate::patience::{Patience, Timer};
use crate::staging::{End, Piece};

type Operation = BoxFuture<'static, Result<NewFile, FaultKind>>;

/// One shard file being written.
pub(crate) struct Sink {
    drive: Option<Arc<Drive>>,
    id: BlobId,
    shard: u8,
    repair: bool,
    operation: Option<Operation>,
    file: Option<NewFile>,
    fault: Option<FaultKind>,
}

impl Sink {
    /// Begins to make the file. Without a drive the sink has failed from the start.
    pub(crate) fn create(
        drive: Option<Arc<Drive>>,
        id: BlobId,
        shard: u8,
        len_bytes: Option<u64>,
        repair: bool,
    ) -> Self {
        let operation = drive.clone().map(|drive| -> Operation {
            Box::pin(async move {
                let _question = drive.ask().await;
                drive.create_file(id, shard, len_bytes, repair).await
            })
        });
        let fault = drive.is_none().then_some(FaultKind::NotWritable);
        Sink { drive, id, shard, repair, operation, file: None, fault }
    }

    /// Whether it takes more.
    pub(crate) fn is_alive(&self) -> bool {
        self.fault.is_none()
    }

    /// Whether it has done all it was to.
    fn is_settled(&self) -> bool {
        self.is_alive() && self.operation.is_none()
    }

    /// What keeps it from being settled.
    pub(crate) fn fault(&self) -> Option<ShardFault> {
        let silent = || self.operation.as_ref().map(|_| FaultKind::Silent);
        let kind = self.fault.clone().or_else(silent)?;
        Some(ShardFault { shard: self.shard, kind })
    }

    /// Begins to write. The operation before must have ended.
    pub(crate) fn write(&mut self, piece: Piece) {
        self.begin(piece, None);
    }

    /// Begins to write the last piece and to commit.
    pub(crate) fn finish(&mut self, piece: Piece, end: End) {
        self.begin(piece, Some(end));
    }

    fn begin(&mut self, piece: Piece, end: Option<End>) {
        assert!(self.operation.is_none(), "a shard file has one operation at a time");
        let (Some(drive), Some(new)) = (self.drive.clone(), self.file.take()) else {
            return;
        };
        let repair = self.repair;
        self.operation = Some(Box::pin(async move {
            let _question = drive.ask().await;
            let done = operate(&drive, &new, piece, end).await;
            if done.is_err() && repair {
                drive.discard(&new).await;
            }
            done.map(|()| new)
        }));
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(operation) = &mut self.operation else {
            return Poll::Ready(());
        };
        match operation.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(done) => {
                self.operation = None;
                match done {
                    Ok(file) => self.file = Some(file),
                    Err(fault) => self.fault = Some(fault),
                }
                Poll::Ready(())
            }
        }
    }

    /// Removes what was written, when the operation under way has ended.
    async fn discard(mut self) {
        if let Some(operation) = self.operation.take() {
            self.file = operation.await.ok();
        }
        let Some(drive) = self.drive else { return };
        match self.file {
            Some(file) if self.repair => drive.discard(&file).await,
            None if self.repair => {}
            // Not removed, it is left to the collector.
            _ => drop(drive.remove_file(&self.id, self.shard).await),
        }
    }

    /// Leaves it out: its drive does not answer.
    fn give_up(&mut self, env: &Env) {
        self.fault = Some(FaultKind::Silent);
        let (Some(drive), Some(operation)) = (self.drive.take(), self.operation.take()) else {
            return;
        };
        let repair = self.repair;
        let work = async move {
            if let Ok(file) = operation.await
                && repair
            {
                drive.discard(&file).await;
            }
        };
        drop(env.spawn.task(Box::pin(work)));
    }
}

async fn operate(
    drive: &Drive,
    new: &NewFile,
    (at, bytes): Piece,
    end: Option<End>,
) -> Result<(), FaultKind> {
    let written = new.file.write_at(at, bytes).await;
    written.map_err(|error| drive.write_fault(&error))?;
    match end {
        Some(end) => {
            let cut = end.must_cut.then_some(end.len_bytes);
            drive.commit(new, cut).await
        }
        None => Ok(()),
    }
}

/// Lets the operations under way go on, without waiting.
pub(crate) async fn nudge<'a>(sinks: impl Iterator<Item = &'a mut Sink>) {
    let mut sinks: Vec<_> = sinks.collect();
    poll_fn(|context| {
        for sink in &mut sinks {
            // Whether it has ended is asked when the next one begins.
            let _ = sink.poll(context);
        }
        Poll::Ready(())
    })
    .await;
}

/// Waits until no operation is under way, or patience is at its end; how many sinks have done what they were to. Where these
/// are as many as `quorum`, the drives that are silent are left out.
pub(crate) async fn settle<'a>(
    env: &Env,
    sinks: impl Iterator<Item = &'a mut Sink>,
    quorum: usize,
    patience: Patience,
) -> usize {
    let mut sinks: Vec<_> = sinks.collect();
    let settled = |sinks: &[&mut Sink]| sinks.iter().filter(|sink| sink.is_settled()).count();
    let mut timer = Timer::new(&*env.clock, patience);
    poll_fn(|context| {
        let mut busy = 0;
        for sink in &mut sinks {
            busy += usize::from(sink.poll(context).is_pending());
        }
        if busy == 0 {
            return Poll::Ready(());
        }
        timer.poll(context, settled(&sinks) >= quorum)
    })
    .await;
    let settled = settled(&sinks);
    if settled >= quorum {
        sinks.into_iter().filter(|sink| sink.operation.is_some()).for_each(|sink| sink.give_up(env));
    }
    settled
}

/// Removes, in the background, what was written.
pub(crate) fn discard_all(env: &Env, sinks: Vec<Sink>) {
    let work = async move {
        // Beside one another: one drive that does not answer must not keep what the others have.
        join_all(sinks.into_iter().map(Sink::discard)).await;
    };
    // Nobody waits for it: what it leaves, the collector finds.
    drop(env.spawn.task(Box::pin(work)));
}
