"""Quotas of buckets: `mc quota`, and what S3 says where one leaves no room."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from harness.admin import request
from harness.mc import Mc

pytestmark = pytest.mark.limit(1800)  # The first test may have to build mc.

EXCEEDED = "XMinioAdminBucketQuotaExceeded"


def refused(call):
    with pytest.raises(ClientError) as error:
        call()
    return error.value.response


@pytest.mark.every_layout
def test_a_quota_is_set_holds_to_the_byte_and_is_cleared(server, mc, s3, bucket):
    mc.run("quota", "set", f"rustfs/{bucket}", "--size", "2MiB")
    assert mc.one("quota", "info", f"rustfs/{bucket}")["quota"] == 2 << 20
    s3.put_object(Bucket=bucket, Key="a", Body=b"x" * (1 << 20))
    s3.put_object(Bucket=bucket, Key="b", Body=b"x" * (1 << 20))
    response = refused(lambda: s3.put_object(Bucket=bucket, Key="c", Body=b"x"))
    assert response["Error"]["Code"] == EXCEEDED and response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert response["Error"]["Quota"] == str(2 << 20) and bucket in response["Error"]["Message"]
    # What makes it hold no more is taken; what is deleted is room at once.
    s3.put_object(Bucket=bucket, Key="a", Body=b"y" * (1 << 20))
    s3.delete_object(Bucket=bucket, Key="b")
    s3.put_object(Bucket=bucket, Key="c", Body=b"x" * (1 << 20))
    mc.run("quota", "clear", f"rustfs/{bucket}")
    s3.put_object(Bucket=bucket, Key="d", Body=b"x" * (4 << 20))
    answer = request(server, "GET", f"/minio/admin/v3/get-bucket-quota?bucket={bucket}")
    assert answer.json() == {"quota": 0, "size": 0, "rate": 0, "requests": 0}


@pytest.mark.every_layout
def test_writers_at_once_fill_it_and_never_pass_it(mc, s3, bucket):
    mc.run("quota", "set", f"rustfs/{bucket}", "--size", "500KiB")

    def put(number):
        try:
            s3.put_object(Bucket=bucket, Key=f"{number}", Body=b"x" * (10 << 10))
        except ClientError as error:
            assert error.response["Error"]["Code"] == EXCEEDED, error
            return 0
        return 1

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(put, range(80))) == 50
    held = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert sum(entry["Size"] for entry in held) == 500 << 10


def test_parts_count_and_so_do_copies(mc, s3, bucket):
    mc.run("quota", "set", f"rustfs/{bucket}", "--size", "6MiB")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    part = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    first = s3.upload_part(PartNumber=1, Body=b"x" * (5 << 20), **part)
    response = refused(lambda: s3.upload_part(PartNumber=2, Body=b"x" * (2 << 20), **part))
    assert response["Error"]["Code"] == EXCEEDED
    s3.complete_multipart_upload(
        Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": first["ETag"]}]}
    )
    copy = {"Bucket": bucket, "Key": "copy", "CopySource": {"Bucket": bucket, "Key": "k"}}
    assert refused(lambda: s3.copy_object(**copy))["Error"]["Code"] == EXCEEDED
    s3.delete_object(Bucket=bucket, Key="k")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x" * (6 << 20))
    assert refused(lambda: s3.put_object(Bucket=bucket, Key="one", Body=b"x"))["Error"]["Code"] == EXCEEDED
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)
    s3.put_object(Bucket=bucket, Key="one", Body=b"x")


def test_it_outlives_a_restart_and_goes_with_its_bucket(make_server, tmp_path):
    server = make_server().start()
    s3, mc = server.client(), Mc(server, tmp_path / "mc")
    s3.create_bucket(Bucket="kept")
    mc.run("quota", "set", "rustfs/kept", "--size", "1000")
    s3.put_object(Bucket="kept", Key="a", Body=b"x" * 1000)
    server.kill()
    server.start()
    s3 = server.client()
    assert refused(lambda: s3.put_object(Bucket="kept", Key="b", Body=b"x"))["Error"]["Code"] == EXCEEDED
    s3.delete_object(Bucket="kept", Key="a")
    s3.delete_bucket(Bucket="kept")
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="a", Body=b"x" * 2000)


def test_what_is_no_quota_is_told_and_changes_nothing(server, mc, s3, bucket):
    def put(body, name=bucket):
        return request(server, "PUT", f"/minio/admin/v3/set-bucket-quota?bucket={name}", body)

    assert put(b'{"size": 10, "quotatype": "hard"}').status_code == 200
    for body, status, code in [
        (b'{"size": 20, "quotatype": "fifo"}', 400, "InvalidRequest"),
        (b'{"size": 20, "rate": 5}', 501, "NotImplemented"),
        (b'{"size": -1}', 400, "XMinioAdminConfigBadJSON"),
        (b"size", 400, "XMinioAdminConfigBadJSON"),
    ]:
        answer = put(body)
        assert (answer.status_code, answer.json()["Code"]) == (status, code), answer.text
    assert put(b'{"size": 20}', "no-such-bucket").json()["Code"] == "NoSuchBucket"
    assert refused(lambda: s3.put_object(Bucket=bucket, Key="b", Body=b"x" * 11))["Error"]["Code"] == EXCEEDED
