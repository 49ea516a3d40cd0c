//! Files and threads of the operating system.

use std::path::PathBuf;

use super::*;
use crate::buffer::{AlignedBuffer, BLOCK_BYTES};
use bytes::Bytes;

fn on_runtime<F: Future<Output = ()>>(test: impl FnOnce(Env, PathBuf) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    runtime.block_on(test(env(runtime.handle()), directory.path().to_owned()));
}

#[test]
fn what_is_written_is_read_with_every_option() {
    on_runtime(|env, directory| async move {
        for (index, direct) in [false, true].into_iter().enumerate() {
            for on_caller in [false, true] {
                let path = directory.join(format!("file-{index}-{on_caller}"));
                let options =
                    OpenOptions { write: true, create_new: true, direct, on_caller, write_through: direct };
                let file = env.disk.open(&path, options).await.unwrap();
                let mut block = AlignedBuffer::new(2 * BLOCK_BYTES);
                block.bytes_mut()[5000] = 9;
                file.write_at(0, block.freeze()).await.unwrap();
                file.sync().await.unwrap();
                assert_eq!(file.read_at(4999, 3).await.unwrap(), Bytes::from_static(&[0, 9, 0]));
                assert_eq!(file.read_at(8190, 100).await.unwrap().len(), 2, "short where the file ends");
                assert_eq!(file.read_at(1 << 20, 1).await.unwrap().len(), 0);
                assert_eq!(file.len().await.unwrap(), 8192);
            }
        }
    });
}

#[test]
fn a_file_is_replaced_whole() {
    on_runtime(|env, directory| async move {
        let path = directory.join("format");
        crate::replace_file(&*env.disk, &path, Bytes::from_static(b"one")).await.unwrap();
        crate::replace_file(&*env.disk, &path, Bytes::from_static(b"three")).await.unwrap();
        assert_eq!(crate::read_file(&*env.disk, &path, 10).await.unwrap(), Bytes::from_static(b"three"));
        assert!(crate::read_file(&*env.disk, &path, 4).await.is_err());
        let names: Vec<_> =
            env.disk.list(&directory).await.unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["format"]);
    });
}

#[test]
fn a_thread_runs_its_future_and_tells_its_end() {
    on_runtime(|env, _| async move {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let end = env
            .spawn
            .thread("t", Box::pin(async move { sender.send(std::thread::current().id()).unwrap() }))
            .unwrap();
        assert_ne!(receiver.await.unwrap(), std::thread::current().id());
        end.await;
    });
}
