//! Starting and stopping the real binary: what it prints, what it refuses and how, and that it writes nothing then.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test of the process looks at the world around it, and has nothing to do where that fails"
)]

#[path = "start/process.rs"]
mod process;

use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use process::{Ended, Server, drives, folder, names, run, run_with};
use rustix::process::Signal;

/// The start is refused with this sentence, and the folder is as it was.
#[track_caller]
fn assert_refused(ended: &Ended, code: i32, wanted: &str) {
    assert_eq!(ended.code, Some(code), "{}", ended.stderr);
    assert!(ended.stderr.contains(wanted), "{wanted:?} in: {}", ended.stderr);
    assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
    assert!(ended.stdout.is_empty(), "{}", ended.stdout);
}

#[test]
fn a_first_start_makes_the_store_and_says_what_is_needed() {
    let folder = folder();
    let server = Server::start(&["./data"], folder.path());
    for wanted in [
        "Endpoint    http://127.0.0.1:",
        "access key rustfsadmin, secret key rustfssecret",
        "works from this machine only",
        "made now",
        "/data  ok",
        "there is one drive",
    ] {
        assert!(server.announced.contains(wanted), "{wanted:?} in:\n{}", server.announced);
    }
    assert_eq!(server.stop(Signal::TERM).code, Some(0));
    let again = Server::start(&["server", "./data"], folder.path());
    assert!(!again.announced.contains("made now"));
    assert_eq!(again.stop(Signal::INT).code, Some(0));
}

#[test]
fn four_drives_survive_two() {
    let folder = folder();
    let server = Server::start(&["./d{1...4}"], folder.path());
    assert!(server.announced.contains("survives the loss of any 2 of 4 drives"), "{}", server.announced);
    assert!(server.announced.contains("4 drives are on one file system"), "{}", server.announced);
    server.stop(Signal::TERM);
}

#[test]
fn health_is_answered_without_credentials() {
    let folder = folder();
    let server = Server::start(&["./data"], folder.path());
    for path in [
        "/health",
        "/health/live",
        "/health/ready",
        "/minio/health/live",
        "/minio/health/ready",
        "/minio/health/cluster",
        "/minio/health/cluster/read",
    ] {
        assert!(server.get(path).starts_with("HTTP/1.1 200"), "{path}: {}", server.get(path));
    }
    assert!(server.get("/minio/health/cluster").contains("x-minio-write-quorum: 1"));
    // Anything else is S3, and anonymous there.
    for path in ["/", "/health/x", "/minio"] {
        assert!(server.get(path).starts_with("HTTP/1.1 403"), "{path}: {}", server.get(path));
    }
    server.stop(Signal::TERM);
}

#[test]
fn a_hang_up_is_nothing_and_systemd_is_told() {
    let folder = folder();
    let socket = folder.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let server =
        Server::start_with(&["./data"], folder.path(), &[("NOTIFY_SOCKET", socket.to_str().unwrap())]);
    let mut read = [0u8; 64];
    let count = manager.recv(&mut read).unwrap();
    assert_eq!(&read[..count], b"READY=1");
    server.signal(Signal::HUP);
    assert!(server.get("/health").starts_with("HTTP/1.1 200"));
    assert_eq!(server.stop(Signal::TERM).code, Some(0));
    let count = manager.recv(&mut read).unwrap();
    assert_eq!(&read[..count], b"STOPPING=1");
}

#[test]
fn words_that_make_no_sense_are_usage_errors() {
    let folder = folder();
    let at = folder.path();
    assert_refused(&run(&[], at), 2, "no drives were given");
    assert_refused(
        &run(&["http://node{1...4}:9000/data"], at),
        2,
        "clusters of several machines come with a later release",
    );
    assert_refused(&run(&["/d{1..4}"], at), 2, "is not a range");
    assert_refused(&run(&["sever", "/data"], at), 2, "`sever` is no command");
    assert_refused(&run(&["--adress", ":1", "/data"], at), 2, "--address");
    assert_refused(&run(&["--address", "9000", "./data"], at), 2, "--address can't be \"9000\"");
    assert_refused(&run(&["--tls-path", "/c", "./data"], at), 1, "/c holds no certificate");
    let help = run(&["server", "--help"], at);
    assert_eq!(help.code, Some(0));
    assert!(help.stdout.contains("RUSTFS_VOLUMES") && help.stdout.contains("RUSTFS_ROOT_PASSWORD"));
    assert_eq!(run(&["--version"], at).stdout.trim(), concat!("rustfs ", env!("CARGO_PKG_VERSION")));
    assert_eq!(names(at), [""; 0]);
}

#[test]
fn secrets_are_in_no_message() {
    let folder = folder();
    let short = [("RUSTFS_ACCESS_KEY", "someone"), ("RUSTFS_SECRET_KEY", "xyzzy")];
    let refused = run_with(&["./data"], folder.path(), &short);
    assert_refused(&refused, 2, "RUSTFS_SECRET_KEY is too short");
    assert!(!refused.stderr.contains("xyzzy"));
    let set = [
        ("RUSTFS_ACCESS_KEY", "someone"),
        ("RUSTFS_SECRET_KEY", "xyzzy-plugh"),
        ("MINIO_ROOT_PASSWORD", "plover-plugh"),
        ("RUSTFS_LOG_LEVEL", "debug"),
    ];
    let server = Server::start_with(&["./data"], folder.path(), &set);
    assert!(server.announced.contains("access key someone, with the secret key that was set"));
    assert!(
        server.announced.contains("RUSTFS_SECRET_KEY and MINIO_ROOT_PASSWORD are set to different values")
    );
    let ended = server.stop(Signal::TERM);
    assert!(!ended.stdout.contains("plugh") && !ended.stderr.contains("plugh"));
}

#[test]
fn a_port_in_use_is_named_and_nothing_is_written() {
    let folder = folder();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    for address in [format!("127.0.0.1:{port}"), format!(":{port}")] {
        let refused = run(&["--address", &address, "./data"], folder.path());
        assert_refused(&refused, 1, &format!("port {port} is in use by another program"));
        assert!(refused.stderr.contains("choose another port with --address"), "{}", refused.stderr);
    }
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn a_drive_of_a_running_server_is_refused_with_its_process() {
    let folder = folder();
    let server = Server::start(&["./data"], folder.path());
    let refused = run(&["./data"], folder.path());
    assert_refused(&refused, 1, &format!("is in use by another running server (process {})", server.pid()));
    server.stop(Signal::TERM);
    Server::start(&["./data"], folder.path()).stop(Signal::TERM);
}

#[test]
fn folders_with_files_of_others_are_refused_untouched() {
    let folder = folder();
    fs::create_dir(folder.path().join("photos")).unwrap();
    fs::write(folder.path().join("photos/me.jpg"), "mine").unwrap();
    assert_refused(&run(&["./photos"], folder.path()), 1, "holds files but is not a drive of RustFS");
    assert_refused(
        &run(&["./new", "./photos"], folder.path()),
        1,
        "holds files but is not a drive of RustFS",
    );
    assert_refused(&run(&["./photos/me.jpg"], folder.path()), 1, "it is a file: give a folder");
    assert_eq!(names(folder.path()), ["photos"]);
    assert_eq!(names(&folder.path().join("photos")), ["me.jpg"]);
}

#[test]
fn a_folder_is_made_but_none_above_it() {
    let folder = folder();
    assert_refused(&run(&["./not/there"], folder.path()), 1, "nor ");
    assert_eq!(names(folder.path()), [""; 0]);
    Server::start(&["./there"], folder.path()).stop(Signal::TERM);
    assert_eq!(names(folder.path()), ["there"]);
}

#[test]
fn a_folder_that_may_not_be_written_is_refused_with_who_may() {
    let folder = folder();
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    let refused = process::run_without_rights(&["./closed"], folder.path(), &closed);
    assert_refused(&refused, 1, "permission denied");
    assert!(
        refused.stderr.contains("chown -R") && refused.stderr.contains("runs as user"),
        "{}",
        refused.stderr
    );
    assert_eq!(names(&closed), [""; 0]);
}

#[test]
fn a_newer_format_is_refused_everywhere() {
    let folder = folder();
    drives(&["./d{1...4}"], folder.path());
    fs::write(folder.path().join("d2/format"), "rustfs drive, format 7\nnew things\n").unwrap();
    let refused = run(&["./d{1...4}"], folder.path());
    assert_refused(&refused, 1, "has format version 7, this release knows up to 1");
    assert!(refused.stderr.contains("start the release that wrote it"), "{}", refused.stderr);
}

#[test]
fn a_damaged_format_is_refused_alone_and_left_out_among_four() {
    let folder = folder();
    drives(&["./d{1...4}"], folder.path());
    drives(&["./single"], folder.path());
    for drive in ["d2", "single"] {
        let path = folder.path().join(drive).join("format");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replacen("epoch 1", "epoch 2", 1)).unwrap();
    }
    assert_refused(&run(&["./single"], folder.path()), 1, "is damaged (its checksum does not match)");
    let server = Server::start(&["./d{1...4}"], folder.path());
    assert!(server.announced.contains("d2/format is damaged"), "{}", server.announced);
    assert!(server.announced.contains("slot 1  MISSING"), "{}", server.announced);
    server.stop(Signal::TERM);
}

#[test]
fn drives_that_do_not_belong_together_are_refused() {
    let folder = folder();
    let at = folder.path();
    drives(&["./a1", "./a2"], at);
    drives(&["./b1", "./b2"], at);
    assert_refused(&run(&["./a1", "./b2"], at), 1, "belongs to store");
    assert_refused(&run(&["./a1"], at), 1, "1 drives are given, but store");
    assert_refused(&run(&["./a1", "./a1"], at), 1, "is given twice");
    std::os::unix::fs::symlink("a1", at.join("link")).unwrap();
    assert_refused(&run(&["./a1", "./link"], at), 1, "are the same folder");
    process::copy_folder(&at.join("a1"), &at.join("copy"));
    assert_refused(&run(&["./a1", "./copy"], at), 1, "one is a copy");
    assert_refused(&run(&["./a1", "./a1/inner"], at), 1, "is inside");
    fs::remove_file(at.join("a2/format")).unwrap();
    let server = Server::start(&["./a1", "./a2"], at);
    assert!(server.announced.contains("its `format` file is gone"), "{}", server.announced);
    server.stop(Signal::TERM);
}

#[test]
fn a_missing_drive_is_said_and_served_without() {
    let folder = folder();
    drives(&["./d{1...4}"], folder.path());
    fs::rename(folder.path().join("d3"), folder.path().join("elsewhere")).unwrap();
    let server = Server::start(&["./d{1...4}"], folder.path());
    assert!(server.announced.contains("slot 2  MISSING"), "{}", server.announced);
    assert!(
        server.announced.contains("d3 can't be used (there is no such folder: is the drive mounted?)"),
        "{}",
        server.announced
    );
    process::wait_until("writes succeed", || server.get("/health/ready").starts_with("HTTP/1.1 200"));
    server.stop(Signal::TERM);
    assert!(!folder.path().join("d3").exists());
    fs::rename(folder.path().join("elsewhere"), folder.path().join("d3")).unwrap();
    let server = Server::start(&["./d{1...4}"], folder.path());
    assert!(!server.announced.contains("MISSING"), "{}", server.announced);
    server.stop(Signal::TERM);
}

#[test]
fn a_drive_replaced_by_an_empty_folder_is_refilled_and_says_so() {
    let folder = folder();
    drives(&["./d{1...4}"], folder.path());
    let replaced = folder.path().join("d2");
    fs::remove_dir_all(&replaced).unwrap();
    fs::create_dir(&replaced).unwrap();
    let server = Server::start(&["./d{1...4}"], folder.path());
    assert!(server.announced.contains("d2  being refilled from the others"), "{}", server.announced);
    process::wait_until("the refill ends", || !replaced.join("refill").exists());
    server.stop(Signal::TERM);
    let server = Server::start(&["./d{1...4}"], folder.path());
    assert!(server.announced.contains("d2  ok"), "{}", server.announced);
    server.stop(Signal::TERM);
}

#[test]
fn two_empty_drives_of_four_are_left_empty_and_come_back_with_one_of_those_that_were_there() {
    let folder = folder();
    drives(&["./d{1...4}"], folder.path());
    for drive in ["d1", "d2"] {
        fs::rename(folder.path().join(drive), folder.path().join(format!("{drive}-away"))).unwrap();
        fs::create_dir(folder.path().join(drive)).unwrap();
    }
    let server = Server::start(&["./d{1...4}"], folder.path());
    for wanted in ["OPEN FOR READING ONLY", "d1 and ", "d2 are empty and can't be refilled", "answered 503"] {
        assert!(server.announced.contains(wanted), "{wanted:?} in:\n{}", server.announced);
    }
    assert!(server.get("/minio/health/cluster/read").starts_with("HTTP/1.1 200"));
    assert!(server.get("/minio/health/cluster").starts_with("HTTP/1.1 503"));
    server.stop(Signal::TERM);
    assert_eq!(names(&folder.path().join("d1")), ["lock"]);
    fs::remove_dir_all(folder.path().join("d1")).unwrap();
    fs::rename(folder.path().join("d1-away"), folder.path().join("d1")).unwrap();
    let server = Server::start(&["./d{1...4}"], folder.path());
    assert!(server.announced.contains("d2  being refilled from the others"), "{}", server.announced);
    process::wait_until("the refill ends", || !folder.path().join("d2/refill").exists());
    server.stop(Signal::TERM);
}

#[test]
fn a_drive_that_lost_its_metadata_is_left_out_until_it_is_emptied() {
    let folder = folder();
    drives(&["./d{1...4}"], folder.path());
    let lost = folder.path().join("d3");
    fs::remove_dir_all(lost.join("meta")).unwrap();
    let server = Server::start(&["./d{1...4}"], folder.path());
    for wanted in ["d3/meta is left out", "its metadata was lost", "empty the folder of the drive"] {
        assert!(server.announced.contains(wanted), "{wanted:?} in:\n{}", server.announced);
    }
    process::wait_until("writes succeed", || server.get("/health/ready").starts_with("HTTP/1.1 200"));
    server.stop(Signal::TERM);
    // A start that left it out has not made it look like one that knows something.
    let server = Server::start(&["./d{1...4}"], folder.path());
    assert!(server.announced.contains("d3/meta is left out"), "{}", server.announced);
    server.stop(Signal::TERM);
    fs::remove_dir_all(&lost).unwrap();
    fs::create_dir(&lost).unwrap();
    let server = Server::start(&["./d{1...4}"], folder.path());
    process::wait_until("the refill ends", || !lost.join("refill").exists());
    server.stop(Signal::TERM);
}

#[test]
fn too_many_empty_drives_are_refused_untouched() {
    let folder = folder();
    drives(&["./d{1...4}"], folder.path());
    let emptied: Vec<_> = (1..=3).map(|number| folder.path().join(format!("d{number}"))).collect();
    for drive in &emptied {
        fs::remove_dir_all(drive).unwrap();
        fs::create_dir(drive).unwrap();
    }
    assert_refused(&run(&["./d{1...4}"], folder.path()), 1, "check that all drives are mounted");
    for drive in &emptied {
        assert_eq!(names(drive), [""; 0]);
    }
}

#[test]
fn a_start_that_was_killed_hinders_no_later_one() {
    let folder = folder();
    for wait_ms in [5, 15, 30, 60, 100, 150, 250] {
        let volumes = format!("./k{wait_ms}-{{1...3}}");
        process::kill_after(&[&volumes], folder.path(), Duration::from_millis(wait_ms));
        Server::start(&[&volumes], folder.path()).stop(Signal::TERM);
    }
}

#[test]
fn parity_is_chosen_once() {
    let folder = folder();
    let parity = |value| [("RUSTFS_STORAGE_CLASS_STANDARD", value)];
    let refused = run_with(&["./d{1...4}"], folder.path(), &parity("EC:3"));
    assert_refused(&refused, 1, "RUSTFS_STORAGE_CLASS_STANDARD asks for EC:3, but 2 is the most");
    assert_eq!(names(folder.path()), [""; 0]);
    let server = Server::start_with(&["./d{1...4}"], folder.path(), &parity("EC:1"));
    assert!(server.announced.contains("survives the loss of any 1 of 4 drives"), "{}", server.announced);
    server.stop(Signal::TERM);
    let server = Server::start_with(&["./d{1...4}"], folder.path(), &parity("EC:2"));
    assert!(server.announced.contains("this store was made with EC:1, which stays"), "{}", server.announced);
    server.stop(Signal::TERM);
}

#[test]
fn the_folder_of_a_drive_holds_what_its_document_says() {
    let folder = folder();
    drives(&["./data"], folder.path());
    let mut names = names(&folder.path().join("data"));
    names.retain(|name| !["scrub", "swept"].contains(&name.as_str()));
    assert_eq!(names, ["blob", "format", "lock", "meta"]);
    let text = fs::read_to_string(Path::new(&folder.path().join("data/format"))).unwrap();
    let fields: Vec<&str> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
    let wanted = "rustfs store drive epoch parity parity-reduced partitions replicas slot checksum";
    assert_eq!(fields.join(" "), wanted);
}
