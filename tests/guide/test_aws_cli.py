"""The guide's steps with `aws`, the command line of AWS."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.server import ACCESS_KEY, SECRET_KEY, clean_environment

pytestmark = pytest.mark.limit(180)


@pytest.fixture
def aws(server, tmp_path):
    """Runs `aws` against the server; `fails` is a text that the command has to fail with."""
    program = Path(sys.executable).parent / "aws"
    assert program.is_file(), f"{program} is missing: install tests/requirements.txt"
    (tmp_path / "aws-config").write_text("[default]\nregion = us-east-1\ns3 =\n  addressing_style = path\n  signature_version = s3v4\n")

    def run(*arguments: str, fails: str | None = None, secret: str = SECRET_KEY, endpoint: str = server.endpoint) -> str:
        environment = clean_environment() | {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_CONFIG_FILE": str(tmp_path / "aws-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_PAGER": "",
        }
        done = subprocess.run(
            [sys.executable, str(program), "--endpoint-url", endpoint, *arguments],
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
            timeout=120,
        )
        if fails is None:
            assert done.returncode == 0, done
        else:
            assert done.returncode != 0 and fails in done.stderr, done
        return done.stdout

    return run


def test_every_step_of_the_guide_with_aws(aws, s3, bucket_name, tmp_path):
    source = tmp_path / "hello.txt"
    source.write_bytes(b"Hello from the command line\n" * 10)
    aws("s3", "mb", f"s3://{bucket_name}")
    aws("s3api", "create-bucket", "--bucket", bucket_name, fails="BucketAlreadyOwnedByYou")
    assert bucket_name in aws("s3", "ls")

    aws("s3", "cp", "hello.txt", f"s3://{bucket_name}/hello.txt")
    aws("s3", "cp", f"s3://{bucket_name}/hello.txt", "back.txt")
    assert (tmp_path / "back.txt").read_bytes() == source.read_bytes()

    listed = json.loads(aws("s3api", "list-objects-v2", "--bucket", bucket_name))
    assert [(item["Key"], item["Size"]) for item in listed["Contents"]] == [("hello.txt", 280)]
    url = aws("s3", "presign", f"s3://{bucket_name}/hello.txt", "--expires-in", "600").strip()
    got = subprocess.run(["curl", "-sS", "-f", url], capture_output=True)
    assert got.stdout == source.read_bytes(), got

    aws("s3", "rb", f"s3://{bucket_name}", fails="BucketNotEmpty")
    aws("s3", "rm", f"s3://{bucket_name}/hello.txt")
    aws("s3", "rb", f"s3://{bucket_name}")
    assert bucket_name not in aws("s3", "ls")


def test_multipart_by_hand_with_aws(aws, bucket, tmp_path):
    parts = [b"a" * (5 * 1024 * 1024), b"b" * (5 * 1024 * 1024), b"c" * 1000]
    upload = json.loads(aws("s3api", "create-multipart-upload", "--bucket", bucket, "--key", "large"))["UploadId"]
    sent = []
    for number, part in enumerate(parts, 1):
        (tmp_path / f"part{number}").write_bytes(part)
        answer = aws(
            "s3api",
            "upload-part",
            "--bucket",
            bucket,
            "--key",
            "large",
            "--part-number",
            str(number),
            "--upload-id",
            upload,
            "--body",
            f"part{number}",
        )
        sent.append({"PartNumber": number, "ETag": json.loads(answer)["ETag"]})
    (tmp_path / "parts.json").write_text(json.dumps({"Parts": sent}))
    aws(
        "s3api",
        "complete-multipart-upload",
        "--bucket",
        bucket,
        "--key",
        "large",
        "--upload-id",
        upload,
        "--multipart-upload",
        "file://parts.json",
    )
    aws("s3", "cp", f"s3://{bucket}/large", "large")
    assert (tmp_path / "large").read_bytes() == b"".join(parts)

    upload = json.loads(aws("s3api", "create-multipart-upload", "--bucket", bucket, "--key", "aborted"))["UploadId"]
    aws("s3api", "abort-multipart-upload", "--bucket", bucket, "--key", "aborted", "--upload-id", upload)
    aws("s3api", "list-parts", "--bucket", bucket, "--key", "aborted", "--upload-id", upload, fails="NoSuchUpload")


def test_a_large_file_and_a_folder_go_there_and_back(aws, bucket, tmp_path):
    folder = tmp_path / "folder"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "large.bin").write_bytes(bytes(range(256)) * 4 * 18 * 1024)
    (folder / "deep" / "er" / "ä ö+ü.txt").write_text("umlauts")
    for file in folder.rglob("*"):
        # S3 shows times to the second, and aws sends what is newer: a file of this very second would be sent again.
        os.utime(file, (time.time() - 10, time.time() - 10))
    aws("s3", "sync", "folder", f"s3://{bucket}/folder")
    aws("s3", "sync", f"s3://{bucket}/folder", "back")
    for file in folder.rglob("*"):
        if file.is_file():
            assert (tmp_path / "back" / file.relative_to(folder)).read_bytes() == file.read_bytes()
    assert aws("s3", "sync", "folder", f"s3://{bucket}/folder") == "", "nothing is left to be sent"
    aws("s3", "rm", "--recursive", f"s3://{bucket}/folder")
    assert aws("s3", "ls", "--recursive", f"s3://{bucket}") == ""


def test_an_empty_file_goes_there_and_back(aws, bucket, tmp_path):
    # In a command of its own: this version of `aws` confuses answers when it sends an empty file and then parts over one
    # connection, as it asks for 100-continue and no server has to say that where nothing is to come.
    (tmp_path / "empty").touch()
    aws("s3", "cp", "empty", f"s3://{bucket}/empty")
    aws("s3", "cp", f"s3://{bucket}/empty", "back")
    assert (tmp_path / "back").read_bytes() == b""


def test_errors_as_the_guide_describes_them(aws, bucket):
    aws("s3api", "list-buckets", secret="wrong-secret", fails="SignatureDoesNotMatch")
    aws("s3api", "list-objects-v2", "--bucket", bucket, "--no-sign-request", fails="AccessDenied")
    aws("s3api", "get-object", "--bucket", bucket, "--key", "none", "out", fails="NoSuchKey")
    aws("s3api", "list-buckets", endpoint="http://127.0.0.1:1", fails="Could not connect")
