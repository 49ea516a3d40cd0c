//! Texts of the help that are longer than a line.

/// After `rustfs --help`.
pub(super) const COMMANDS: &str = "\
`server` is what is meant where no command is named: `rustfs /data` is `rustfs server /data`.

  rustfs server --help      all flags and variables
  rustfs server ./data      a first try: keeps objects in ./data, answers on port 9000";

/// After `rustfs server --help`.
pub(super) const SERVER: &str = "\
Examples:
  rustfs server /data                         one drive
  rustfs server /mnt/disk{1...4}              four drives: any two may be lost
  rustfs server --address 127.0.0.1:9100 ./data
  rustfs server --tls-path /etc/rustfs/tls /data
  RUSTFS_VOLUMES='/mnt/disk{1...4}' rustfs server

Every flag has a variable, named beside it; the flag counts where both are given. Variables alone:
  RUSTFS_STORAGE_CLASS_STANDARD   parity of the class STANDARD, as in EC:2; fixed at the first start
  RUSTFS_STORAGE_CLASS_RRS        parity of the class REDUCED_REDUNDANCY; fixed at the first start
  RUSTFS_API_MAX_CONNECTIONS      connections at once [default: 4096]
  RUSTFS_SERVER_MTLS_ENABLE       whether clients show certificates: off, optional, required [default: off]
  RUSTFS_TLS_CLIENT_CA            the authorities that sign those [default: client_ca.crt, ca.crt or CAs/ of --tls-path]
  RUSTFS_TLS_RELOAD_INTERVAL      how often certificates are looked at [default: 5s]; RUSTFS_TLS_RELOAD_ENABLE=false: at SIGHUP only
  RUSTFS_AUDIT_FILE_PATH          a folder for the audit log; also RUSTFS_AUDIT_FILE_SIZE [64MiB], RUSTFS_AUDIT_FILE_COUNT [16]
  MINIO_AUDIT_WEBHOOK_ENABLE_<name>, MINIO_AUDIT_WEBHOOK_ENDPOINT_<name>, MINIO_AUDIT_WEBHOOK_AUTH_TOKEN_<name>
                                  where entries of the audit log are posted to; also with RUSTFS_ in front
  RUSTFS_TRUSTED_PROXY_NETWORKS   proxies whose X-Forwarded-Host is believed [default: 127.0.0.0/8,::1]
  RUSTFS_LOG_LEVEL, RUST_LOG      what is logged to stderr: error, warn, info, debug or trace [default: info]
  RUSTFS_LOG_JSON                 true: the log is JSON, a line each
  MINIO_ROOT_USER, MINIO_ROOT_PASSWORD, MINIO_VOLUMES, MINIO_ADDRESS, MINIO_DOMAIN, MINIO_STORAGE_CLASS_*
                                  are read where the variable of RUSTFS is not set

Without credentials of yours, `rustfsadmin` / `rustfssecret` works from this machine alone.
The server stops on Ctrl-C or SIGTERM after the requests in progress; a second one stops it at once.";

/// After `rustfs inspect --help`.
pub(super) const INSPECT: &str = "\
Examples:
  rustfs inspect /mnt/disk1                   one drive
  rustfs inspect /mnt/disk{1...4}             all drives: also tells which objects can't be read
  rustfs inspect --json /mnt/disk{1...4}

Stop the server first. Ends with 0 where the drives are sound, 1 where something was found, 2 where they could not be looked at.";

/// After `rustfs audit verify --help`.
pub(super) const AUDIT_VERIFY: &str = "\
  rustfs audit verify /var/log/rustfs/audit             the folder: also finds an end that was cut off
  rustfs audit verify audit-0000*.jsonl                 some files
  rustfs audit verify --last <hash> /var/log/rustfs/audit

Ends with 0 where the log is whole, 1 where a line is wrong (the first one is named), 2 where it could not be read.";

/// After `rustfs salvage --help`.
pub(super) const SALVAGE: &str = "\
For a store whose metadata is gone (the `meta` folders of its drives) while the data is there. Stop the server first.

  rustfs salvage /mnt/disk{1...4}             says what would come back; writes nothing
  rustfs salvage --write /mnt/disk{1...4}     does it; what there is of the old metadata is moved aside

Ends with 0 where everything that was found is back, 1 where something is not, 2 where it could not be done.";

/// After `rustfs admin --help`.
pub(super) const ADMIN: &str = "\
Examples:
  rustfs admin info                            the server of this machine
  rustfs admin drives --json --url https://store.example.com
  rustfs admin user add ann --generate         a user; its secret key is printed once
  rustfs admin policy attach readonly --user ann
  rustfs admin key create --user ann           an access key for an application
  rustfs admin why 18A5C1D0F3                  why that request was refused

The key pair is that of RUSTFS_ACCESS_KEY and RUSTFS_SECRET_KEY (or their _FILE), a session's token is RUSTFS_SESSION_TOKEN.
Ends with 0 where it was done, 1 where the server refused or failed, 2 where the words make no sense, 3 where no server
answered, 4 where this key may not.";

/// After `rustfs doctor --help`.
pub(super) const DOCTOR: &str = "\
Examples:
  rustfs doctor /mnt/disk{1...4}               before a start: drives, settings, port, limits, clock
  rustfs doctor --url https://store.example.com     the way to a server: clock, proxies, keys

It reads what the server reads: run it as the server's user, with its environment.
Ends with 0 where nothing has to be done, 1 where something was found, 2 where the words make no sense.";
