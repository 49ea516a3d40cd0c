"""The Python guide, step by step, as a user types it; then what its troubleshooting says."""

import subprocess

import boto3
import pytest
from botocore import UNSIGNED
from botocore.client import Config
from botocore.exceptions import ClientError, EndpointConnectionError

from harness.errors import refused
from harness.server import free_port

PART_BYTES = 5 * 1024 * 1024


def guide_client(endpoint: str, secret: str = "rustfssecret", **config):
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="rustfsadmin",
        aws_secret_access_key=secret,
        config=Config(signature_version="s3v4", **config),
        region_name="us-east-1",
    )


@pytest.fixture
def s3(server):
    return guide_client(server.endpoint)


@pytest.mark.every_layout
def test_every_step_of_the_guide_from_bucket_to_deletion(s3, bucket_name, tmp_path):
    source = tmp_path / "hello.txt"
    source.write_bytes(b"Hello, RustFS!\n" * 100)

    # Create a bucket; and again, as the guide does it.
    for attempt in range(2):
        try:
            s3.create_bucket(Bucket=bucket_name)
            assert attempt == 0, "the second one has to be refused"
        except s3.exceptions.BucketAlreadyOwnedByYou:
            assert attempt == 1, "the first one has to be made"
    assert bucket_name in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]

    s3.upload_file(str(source), bucket_name, "hello.txt")
    copy = tmp_path / "downloaded.txt"
    s3.download_file(bucket_name, "hello.txt", str(copy))
    assert copy.read_bytes() == source.read_bytes()

    listed = s3.list_objects_v2(Bucket=bucket_name)
    assert [(item["Key"], item["Size"]) for item in listed.get("Contents", [])] == [("hello.txt", source.stat().st_size)]

    s3.delete_object(Bucket=bucket_name, Key="hello.txt")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket_name)
    s3.delete_bucket(Bucket=bucket_name)
    assert bucket_name not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]


@pytest.mark.every_layout
def test_presigned_urls_of_600_seconds_work_with_curl(s3, bucket, tmp_path):
    file = tmp_path / "file.bin"
    file.write_bytes(b"sent by curl " * 1000)
    put_url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "from curl.bin"}, ExpiresIn=600)
    sent = subprocess.run(["curl", "-sS", "-f", "-X", "PUT", "--upload-file", str(file), put_url], capture_output=True, text=True)
    assert sent.returncode == 0, sent

    get_url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "from curl.bin"}, ExpiresIn=600)
    got = subprocess.run(["curl", "-sS", "-f", get_url], capture_output=True)
    assert got.returncode == 0, got
    assert got.stdout == file.read_bytes()
    assert s3.get_object(Bucket=bucket, Key="from curl.bin")["Body"].read() == file.read_bytes()


@pytest.mark.every_layout
def test_multipart_by_hand_on_a_file_over_10_mb(s3, bucket, tmp_path):
    file = tmp_path / "large.bin"
    file.write_bytes(bytes(range(256)) * 4 * 11 * 1024)  # 11 MiB

    upload_id = s3.create_multipart_upload(Bucket=bucket, Key="large.bin")["UploadId"]
    parts = []
    try:
        with file.open("rb") as data:
            number = 1
            while chunk := data.read(PART_BYTES):
                answer = s3.upload_part(Bucket=bucket, Key="large.bin", PartNumber=number, UploadId=upload_id, Body=chunk)
                parts.append({"PartNumber": number, "ETag": answer["ETag"]})
                number += 1
        s3.complete_multipart_upload(Bucket=bucket, Key="large.bin", UploadId=upload_id, MultipartUpload={"Parts": parts})
    except Exception:
        s3.abort_multipart_upload(Bucket=bucket, Key="large.bin", UploadId=upload_id)
        raise
    assert len(parts) == 3
    copy = tmp_path / "copy.bin"
    s3.download_file(bucket, "large.bin", str(copy))
    assert copy.read_bytes() == file.read_bytes()


def test_an_upload_that_fails_is_aborted_and_leaves_nothing(s3, bucket):
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key="broken.bin")["UploadId"]
    with pytest.raises(OSError, match="the file broke"):
        try:
            s3.upload_part(Bucket=bucket, Key="broken.bin", PartNumber=1, UploadId=upload_id, Body=b"x" * PART_BYTES)
            raise OSError("the file broke")
        except Exception:
            s3.abort_multipart_upload(Bucket=bucket, Key="broken.bin", UploadId=upload_id)
            raise
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    with refused("NoSuchUpload", 404):
        s3.list_parts(Bucket=bucket, Key="broken.bin", UploadId=upload_id)


def test_upload_file_takes_parts_by_itself_for_a_large_file(s3, bucket, tmp_path):
    file = tmp_path / "twenty.bin"
    file.write_bytes(bytes(reversed(range(256))) * 4 * 20 * 1024)
    s3.upload_file(str(file), bucket, "twenty.bin", ExtraArgs={"ContentType": "video/mp4", "Metadata": {"from": "guide"}})
    head = s3.head_object(Bucket=bucket, Key="twenty.bin")
    assert head["ContentLength"] == 20 * 1024 * 1024
    assert head["ContentType"] == "video/mp4"
    assert head["Metadata"] == {"from": "guide"}
    copy = tmp_path / "copy.bin"
    s3.download_file(bucket, "twenty.bin", str(copy))
    assert copy.read_bytes() == file.read_bytes()


def test_a_wrong_secret_is_signature_does_not_match(server):
    with refused("SignatureDoesNotMatch", 403):
        guide_client(server.endpoint, secret="not-the-secret").list_buckets()


def test_access_is_denied_where_rights_lack(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="private", Body=b"mine")
    nobody = boto3.client("s3", endpoint_url=server.endpoint, region_name="us-east-1", config=Config(signature_version=UNSIGNED))
    with refused("AccessDenied", 403):
        nobody.get_object(Bucket=bucket, Key="private")
    with refused("AccessDenied", 403):
        nobody.list_objects_v2(Bucket=bucket)
    with refused("AccessDenied", 403):
        nobody.put_object(Bucket=bucket, Key="theirs", Body=b"")


def test_where_nothing_listens_there_is_a_connection_error():
    with pytest.raises(EndpointConnectionError):
        guide_client(f"http://127.0.0.1:{free_port()}", retries={"total_max_attempts": 1}).list_buckets()


def test_a_virtual_host_client_is_told_how_to_use_path_style(server, bucket, resolve_everything_here):
    client = guide_client(f"http://localhost:{server.port}", s3={"addressing_style": "virtual"})
    with pytest.raises(ClientError) as caught:
        client.list_objects_v2(Bucket=bucket)
    error = caught.value.response
    assert 400 <= error["ResponseMetadata"]["HTTPStatusCode"] < 500, "no bare redirect"
    assert "path-style" in error["Error"]["Message"], error
    assert "addressing_style" in error["Error"]["Message"], error
