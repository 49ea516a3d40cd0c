"""Errors as boto3 raises them."""

from contextlib import contextmanager

import pytest
from botocore.exceptions import ClientError


@contextmanager
def refused(code: str, status: int | None = None):
    """The block must end in that error; what boto3 knows of it is yielded, and filled in afterwards."""
    found: dict = {}
    with pytest.raises(ClientError) as caught:
        yield found
    found.update(caught.value.response)
    assert found["Error"]["Code"] == code, found
    if status is not None:
        assert found["ResponseMetadata"]["HTTPStatusCode"] == status, found
