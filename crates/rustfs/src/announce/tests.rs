use super::*;

use cluster::placement;
use model::ids::{DriveId, StoreId};

use crate::config::SecretText;

fn map(drives: usize) -> ClusterMap {
    let width = placement::set_width(drives);
    let ids: Vec<_> = (1..=drives as u8).map(|n| DriveId::from_bytes([n; 16])).collect();
    let parity = placement::default_parity(width);
    ClusterMap {
        store: StoreId::from_bytes([0xab; 16]),
        epoch: 1,
        sets: ids.chunks(width).map(<[_]>::to_vec).collect(),
        parity,
        parity_reduced: 1,
        partitions: 16,
        replicas: placement::default_replicas(drives, parity),
    }
}

fn keys(is_default: bool) -> RootKeys {
    let (access, secret) = if is_default { ("rustfsadmin", "rustfssecret") } else { ("me", "my-own-secret") };
    RootKeys { access_key: access.into(), secret_key: SecretText::new(secret.into()), is_default }
}

#[test]
fn a_newcomer_is_told_what_is_needed() {
    let map = map(4);
    let mut places: Vec<Vec<Option<PathBuf>>> =
        vec![(1..=4).map(|n| Some(PathBuf::from(format!("/data{n}")))).collect()];
    places[0][3] = None;
    let text = Announcement {
        addresses: &["[::]:9000".parse().unwrap()],
        scheme: "http",
        domains: &[],
        credentials: &keys(true),
        map: &map,
        places: &places,
        new_store: true,
        read_only: false,
        refilling: &[Slot { set: 0, slot: 1 }],
        console: true,
        warnings: &["/data4 can't be used.".into()],
    }
    .text();
    for wanted in [
        "Endpoint    http://127.0.0.1:9000  (and every other address of this machine)\n",
        "Sign in     access key rustfsadmin, secret key rustfssecret\n",
        "works from this machine only",
        "Console     comes with a later release",
        "Store       abababababababababababababababab, made now\n",
        "Drives      /data1  ok\n            /data2  being refilled from the others\n",
        "            /data3  ok\n            set 0 slot 3  MISSING\n",
        "Redundancy  survives the loss of any 2 of 4 drives\n",
        "warning: /data4 can't be used.\n",
    ] {
        assert!(text.contains(wanted), "{wanted:?} in:\n{text}");
    }
}

#[test]
fn a_secret_that_was_set_is_never_printed() {
    let map = map(1);
    let places = vec![vec![Some(PathBuf::from("/data"))]];
    let credentials = keys(false);
    let announcement = Announcement {
        addresses: &["127.0.0.1:9000".parse().unwrap()],
        scheme: "https",
        domains: &["s3.example.com".into()],
        credentials: &credentials,
        map: &map,
        places: &places,
        new_store: false,
        read_only: true,
        refilling: &[],
        console: false,
        warnings: &[],
    };
    let text = announcement.text();
    assert!(text.contains("access key me, with the secret key that was set"), "{text}");
    assert!(text.contains("https://127.0.0.1:9000\n") && text.contains("OPEN FOR READING ONLY"), "{text}");
    assert!(!text.contains("my-own-secret") && !format!("{announcement:?}").contains("my-own-secret"));
    assert!(!text.contains("Console"), "{text}");
}

#[test]
fn what_is_survived_is_said_in_words() {
    assert!(survives(&map(1)).starts_with("none: there is one drive"));
    assert_eq!(survives(&map(2)), "survives the loss of any 1 of 2 drives");
    assert_eq!(survives(&map(8)), "survives the loss of any 4 of 8 drives");
    assert_eq!(survives(&map(32)), "survives the loss of any 4 of 16 drives in each of 2 sets");
    assert!(survives(&ClusterMap { parity: 0, ..map(4) }).starts_with("none: a lost drive loses data"));
}
