"""Turns the refusals of AWS and the errors of botocore into errors that say what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from esim.errors import EsimError
from esim.fetch.answers import CONTINUE
from esim.fetch.permissions import Operation

_EXPIRED = {"ExpiredToken", "ExpiredTokenException"}
_CLOCK = {"RequestExpired", "RequestTimeTooSkewed"}
_DENIED = {"AccessDenied", "AccessDeniedException", "NotAuthorized", "UnauthorizedOperation"}
# The messages of these may repeat the signed request with a session token, so they are not shown.
_REFUSED = {
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "OptInRequired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_MISSING = {"ResourceNotFound", "ResourceNotFoundException"}
# DescribeTrainingJob answers a ValidationException: "Requested resource not found."
_SAYS_MISSING = re.compile(
    r"not found|(?:can ?not|can't|could not) find|does(?: not|n't) exist", re.I
)
_ON_RESOURCE = re.compile(r"on resource: (\S+)")


class GoneError(EsimError):
    """AWS has no such tuning job, training job, log group or log stream, or no longer has it."""


def refused(error: Any, operation: Operation, what: str, clean: Callable[[str], str]) -> EsimError:
    """The error for a refusal by an AWS service.

    Args:
        error: botocore's ClientError.
        operation: the operation that was refused.
        what: what was asked about.
        clean: removes credentials from a message.
    """
    answer = error.response.get("Error", {})
    code = str(answer.get("Code", "unknown"))
    message = clean(str(answer.get("Message", "")))
    about = error.response.get("ResponseMetadata", {})
    attempts = about.get("RetryAttempts", 0) + 1
    status = about.get("HTTPStatusCode", 400)
    if code in _MISSING or (code == "ValidationException" and _SAYS_MISSING.search(message)):
        return GoneError(f"AWS has no {what}", why=message or code)
    if code in _EXPIRED:
        return EsimError(
            "the AWS credentials have expired",
            why=f"{code} at {operation.action}",
            fix=f"sign in again (aws sso login, or new keys), then {CONTINUE}",
        )
    if code in _CLOCK:
        return EsimError(
            "AWS finds the time of the request wrong", why=code, fix="set this machine's clock"
        )
    if code in _REFUSED:
        return EsimError(
            "AWS does not accept the credentials",
            why=f"{code} at {operation.action}",
            fix="look at --profile, at --region, at the keys in the environment, and at this "
            "machine's clock",
        )
    if code in _DENIED:
        named = _ON_RESOURCE.search(message)
        resource = named[1].rstrip(".,") if named else operation.resource
        return EsimError(
            f"no permission for {operation.action} on {resource}",
            why=message or code,
            fix=f"allow it (esim fetch sagemaker --policy prints the policy), then {CONTINUE}",
        )
    if "Throttl" in code or code in ("TooManyRequestsException", "RequestLimitExceeded"):
        return EsimError(
            f"AWS keeps throttling {operation.action}",
            why=f"{code}, {attempts} attempts with growing pauses",
            fix=f"later, {CONTINUE}",
        )
    return EsimError(
        f"AWS refuses {operation.action} for {what}",
        why=f"{code}: {message}; attempts: {attempts}",
        fix=f"later, {CONTINUE}" if status >= 500 else None,
    )


def unreached(error: Any, region: str | None, clean: Callable[[str], str]) -> EsimError:
    """The error for a request that failed before a service answered it.

    Args:
        error: botocore's BotoCoreError.
        region: the region that was asked.
        clean: removes credentials from a message.
    """
    from botocore import exceptions as botocore

    said = clean(str(error))
    if isinstance(error, botocore.NoCredentialsError):
        return EsimError(
            "no AWS credentials",
            why="none in the environment, the profile, or this machine's role",
            fix="aws configure, aws sso login, or --profile NAME",
        )
    if isinstance(error, botocore.InvalidRegionError):
        return EsimError(f"{region!r} is not the name of a region", fix="such as us-east-1")
    if isinstance(error, botocore.PartialCredentialsError):
        return EsimError("the AWS credentials are incomplete", why=said)
    signed_out = (
        botocore.SSOError,
        botocore.TokenRetrievalError,
        botocore.UnauthorizedSSOTokenError,
    )
    if isinstance(error, signed_out):
        return EsimError("not signed in to AWS", why=said, fix=f"aws sso login, then {CONTINUE}")
    if isinstance(error, botocore.CredentialRetrievalError):
        return EsimError("the AWS credentials could not be had", why=said)
    if isinstance(error, botocore.ParamValidationError):
        return EsimError("AWS would not take such a name", why=said)
    if isinstance(error, botocore.HTTPClientError | botocore.ConnectionError):
        return EsimError(
            "AWS cannot be reached", why=said, fix=f"is {region} a region? else {CONTINUE}"
        )
    return EsimError("botocore gives up", why=said)
