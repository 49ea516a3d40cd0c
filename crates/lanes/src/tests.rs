//! Streams beside one another, as the bodies of a server are.

use super::*;
use ::md5::Digest;
use futures_util::FutureExt;

const BOTH: Kinds = Kinds { md5: true, sha256: true };

fn data(number: usize, len: usize) -> Bytes {
    Bytes::from_iter((0..len).map(|at| (at / 3 + at * number) as u8))
}

fn expected(data: &[u8]) -> Values {
    let sha256 = ring::digest::digest(&ring::digest::SHA256, data);
    Values { md5: Some(::md5::Md5::digest(data).into()), sha256: Some(sha256.as_ref().try_into().unwrap()) }
}

fn add(stream: &mut Stream, data: &Bytes) {
    stream.update(data.clone()).now_or_never().expect("nobody else computes");
}

fn end(stream: Stream) -> Values {
    stream.finish().now_or_never().expect("nobody else computes")
}

#[test]
fn a_stream_that_is_alone_never_waits() {
    let lanes = Lanes::new();
    let all = data(1, 5 * PORTION_BYTES + 77);
    let mut stream = lanes.stream(BOTH);
    for piece in [0..10, 10..PORTION_BYTES, PORTION_BYTES..all.len()] {
        add(&mut stream, &all.slice(piece));
    }
    assert_eq!(end(stream), expected(&all));
}

#[tokio::test]
async fn who_has_as_much_as_may_wait_computes_for_all() {
    for kernel in Kernel::all().into_iter().filter(|kernel| kernel.lanes() > 2) {
        let lanes = Lanes::with_kernel(kernel);
        let portion = data(3, PORTION_BYTES);
        let (mut one, mut two) = (lanes.stream(BOTH), lanes.stream(BOTH));
        for number in 1..=WAITING_BYTES_MAX / PORTION_BYTES {
            one.update(portion.clone()).await;
            assert_eq!(waiting_bytes(&one), number * PORTION_BYTES);
        }
        two.update(portion.clone()).await;
        assert_eq!(waiting_bytes(&two), PORTION_BYTES);
        one.update(portion.clone()).await;
        assert_eq!(waiting_bytes(&two), 0);
        assert!(waiting_bytes(&one) <= WAITING_BYTES_MAX);
        assert_eq!(two.finish().await, expected(&portion));
        assert_eq!(one.finish().await, expected(&portion.repeat(1 + WAITING_BYTES_MAX / PORTION_BYTES)));
    }
}

#[tokio::test]
async fn what_is_left_over_of_a_stream_waits_on() {
    for kernel in Kernel::all().into_iter().filter(|kernel| kernel.lanes() > 3) {
        let lanes = Lanes::with_kernel(kernel);
        let portion = data(3, PORTION_BYTES);
        let mut streams: Vec<Stream> = (0..3).map(|_| lanes.stream(BOTH)).collect();
        for (count, stream) in [1, 1, 3].into_iter().zip(&mut streams) {
            for _ in 0..count {
                stream.update(portion.clone()).await;
            }
        }
        let long = streams.pop().expect("there are three");
        assert_eq!(streams.remove(0).finish().await, expected(&portion));
        assert_eq!(waiting_bytes(&long), 2 * PORTION_BYTES);
        let mut other = lanes.stream(BOTH);
        for _ in 0..2 {
            other.update(portion.clone()).await;
        }
        assert_eq!(other.finish().await, expected(&portion.repeat(2)));
        assert_eq!(waiting_bytes(&long), 0, "nobody handed it over again");
        assert_eq!(long.finish().await, expected(&portion.repeat(3)));
        assert!(lanes.shared.room.portions().iter().all(|left| Arc::ptr_eq(left, &streams[0].portion)));
    }
}

#[tokio::test]
async fn streams_whose_data_is_there_take_turns() {
    let lanes = Lanes::new();
    let portion = data(3, PORTION_BYTES);
    let (mut one, mut two) = (lanes.stream(BOTH), lanes.stream(BOTH));
    let order = Mutex::new(Vec::new());
    let first = async {
        for _ in 0..3 {
            one.update(portion.clone()).await;
            order.lock().push(1);
        }
    };
    let second = async {
        for _ in 0..3 {
            two.update(portion.clone()).await;
            order.lock().push(2);
        }
    };
    tokio::join!(first, second);
    // Who goes first within a turn is `join`'s business.
    let order = order.into_inner();
    assert!(order.chunks(2).all(|turn| turn.contains(&1) && turn.contains(&2)), "{order:?}");
}

#[tokio::test]
async fn who_finds_few_waiting_lets_another_run_end_first() {
    for kernel in Kernel::all().into_iter().filter(|kernel| kernel.lanes() > 2) {
        let lanes = Lanes::with_kernel(kernel);
        let portion = data(3, PORTION_BYTES);
        let (mut one, mut two) = (lanes.stream(BOTH), lanes.stream(BOTH));
        for _ in 0..WAITING_BYTES_MAX / PORTION_BYTES {
            one.update(portion.clone()).await;
        }
        let other_run = lanes.shared.room.begin_run();
        let held = tokio::spawn(async move {
            one.update(portion.clone()).await;
            one
        });
        // It goes as far as it can: this test has one thread.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(!held.is_finished());
        assert_eq!(lanes.shared.room.portions().len(), 1, "it waits among the others");
        add(&mut two, &data(4, PORTION_BYTES));
        drop(other_run);
        assert!(waiting_bytes(&held.await.unwrap()) <= WAITING_BYTES_MAX);
        assert_eq!(waiting_bytes(&two), 0, "it was computed beside the one that waited for it");
    }
}

#[tokio::test]
async fn who_finds_many_waiting_does_not_wait_for_another_run() {
    for kernel in Kernel::all().into_iter().filter(|kernel| kernel.lanes() > 2) {
        let lanes = Lanes::with_kernel(kernel);
        let portion = data(3, PORTION_BYTES);
        let mut streams: Vec<Stream> = (0..lanes.shared.company()).map(|_| lanes.stream(BOTH)).collect();
        for stream in &mut streams {
            add(stream, &portion);
        }
        let _other_run = lanes.shared.room.begin_run();
        let last = streams.pop().expect("there are some");
        assert_eq!(last.finish().await, expected(&portion));
        assert!(streams.iter().all(|stream| waiting_bytes(stream) == 0));
    }
}

#[test]
fn many_streams_wait_with_less_each() {
    let lanes = Lanes::new();
    let few = lanes.shared.waiting_bytes_max();
    let streams: Vec<Stream> =
        (0..BACKLOG_BYTES_MAX / PORTION_BYTES + 1).map(|_| lanes.stream(BOTH)).collect();
    assert_eq!((few, lanes.shared.waiting_bytes_max()), (WAITING_BYTES_MAX, PORTION_BYTES));
    drop(streams);
    assert_eq!(lanes.shared.waiting_bytes_max(), WAITING_BYTES_MAX);
}

#[test]
fn as_many_portions_as_lanes_do_not_wait_for_more() {
    for kernel in Kernel::all() {
        let lanes = Lanes::with_kernel(kernel);
        let mut streams: Vec<Stream> = (0..kernel.lanes()).map(|_| lanes.stream(BOTH)).collect();
        for (number, stream) in streams.iter_mut().enumerate() {
            add(stream, &data(number, PORTION_BYTES));
        }
        assert!(streams.iter().all(|stream| waiting_bytes(stream) == 0));
        for (number, stream) in streams.into_iter().enumerate() {
            assert_eq!(end(stream), expected(&data(number, PORTION_BYTES)), "{kernel:?}, stream {number}");
        }
    }
}

#[tokio::test]
async fn who_has_data_at_hand_comes_before_portions_are_computed() {
    for kernel in Kernel::all().into_iter().filter(|kernel| kernel.lanes() > 2) {
        let lanes = Lanes::with_kernel(kernel);
        let portion = data(3, PORTION_BYTES);
        let (mut one, mut two) = (lanes.stream(BOTH), lanes.stream(BOTH));
        let first = async {
            for _ in 0..=WAITING_BYTES_MAX / PORTION_BYTES {
                one.update(portion.clone()).await;
            }
        };
        let second = async {
            // It is polled after the first one has come with more than may wait.
            two.update(portion.clone()).await;
            assert_eq!(waiting_bytes(&two), PORTION_BYTES);
        };
        tokio::join!(first, second);
        assert_eq!(waiting_bytes(&two), 0);
    }
}

#[test]
fn a_dropped_stream_leaves_nothing_waiting() {
    let lanes = Lanes::new();
    let portion = data(3, PORTION_BYTES);
    let (mut one, mut two) = (lanes.stream(BOTH), lanes.stream(BOTH));
    add(&mut one, &portion);
    add(&mut two, &portion);
    drop(one);
    assert!(lanes.shared.room.portions().iter().all(|waiting| Arc::ptr_eq(waiting, &two.portion)));
    assert_eq!(end(two), expected(&portion));
    assert!(lanes.shared.room.portions().is_empty());
}

#[test]
fn the_end_of_a_small_stream_does_not_compute_for_others() {
    let kernels = Kernel::all().into_iter().filter(|kernel| kernel.lanes() > 1);
    for lanes in kernels.map(Lanes::with_kernel) {
        let mut large = lanes.stream(BOTH);
        add(&mut large, &data(3, PORTION_BYTES));
        let mut small = lanes.stream(BOTH);
        add(&mut small, &data(4, ALONE_BYTES_MAX));
        assert_eq!(end(small), expected(&data(4, ALONE_BYTES_MAX)));
        assert_eq!(waiting_bytes(&large), PORTION_BYTES);
    }
}

fn waiting_bytes(stream: &Stream) -> usize {
    stream.portion.place.lock().work.as_ref().expect("nobody computes").waiting()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_streams_on_many_threads_have_their_own_digests() {
    for kernel in Kernel::all() {
        let lanes = Lanes::with_kernel(kernel);
        let streams = (0..40).map(|number| {
            let mut stream = lanes.stream(BOTH);
            tokio::spawn(async move {
                let all = data(number, (number % 7) * 300_000 + number);
                let mut rest = all.clone();
                while !rest.is_empty() {
                    stream.update(rest.split_to(rest.len().min(5_000 + 9_000 * number))).await;
                    tokio::task::yield_now().await;
                }
                // Some go away in the middle.
                (number % 5 != 3).then_some((stream, all))
            })
        });
        for stream in streams.collect::<Vec<_>>() {
            if let Some((stream, all)) = stream.await.expect("the task ends") {
                assert_eq!(stream.finish().await, expected(&all), "{kernel:?}");
            }
        }
        assert!(lanes.shared.room.portions().is_empty());
    }
}
