"""`Account`, an AWS account and region of which only read-only operations are called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from esim.errors import EsimError, near_names
from esim.fetch.answers import Pages, require_shape, unusable
from esim.fetch.faults import refused, unreached
from esim.fetch.permissions import OPERATIONS

WORKERS = 4  # requests at the same time; CloudWatch allows an account 25 a second
ATTEMPTS = 10  # for a request, with growing pauses: about a minute of throttling
TIMEOUT_S = 60

# What botocore raises while it takes an answer of an unforeseen shape apart: it calls methods of
# objects on what is none, and reads times that no clock shows.
UNREADABLE = (AttributeError, LookupError, OverflowError, RuntimeError, TypeError, ValueError)


class Account:
    """An AWS account and region. Its methods may be called from several threads.

    Attributes:
        region: the region's name.
    """

    def __init__(self, region: str | None = None, profile: str | None = None) -> None:
        """Find credentials as boto3 does: environment, profile, or this machine's role.

        Args:
            region: the region; None takes that of the environment or the profile.
            profile: the name of a profile in the AWS settings; None takes the default.

        Raises:
            EsimError: boto3 is not installed, there is no such profile, or no region is known.
        """
        try:
            import boto3
            import botocore.config
            import botocore.exceptions
            import botocore.session
        except ImportError:
            raise EsimError(
                "boto3 is not installed",
                why="esim fetch talks to AWS through it",
                fix="pip install boto3",
            ) from None
        core = botocore.session.Session(profile=profile)
        try:
            # In this mode pauses grow, and after a throttling all threads slow down.
            retries: dict[str, Any] = {"mode": "adaptive"}
            if core.get_config_variable("max_attempts") is None:
                retries["total_max_attempts"] = ATTEMPTS
            config = botocore.config.Config(
                retries=retries,
                max_pool_connections=WORKERS,
                connect_timeout=TIMEOUT_S,
                read_timeout=TIMEOUT_S,
            )
            session = boto3.Session(botocore_session=core, region_name=region)
            services = dict.fromkeys(operation.service for operation in OPERATIONS.values())
            self._clients = {name: session.client(name, config=config) for name in services}
        except botocore.exceptions.ProfileNotFound:
            wrong = str(core.profile)
            known = near_names(wrong, core.available_profiles)
            raise EsimError(
                f"no AWS profile {wrong!r}", fix=f"there are {known}" if known else None
            ) from None
        except botocore.exceptions.NoRegionError:
            raise EsimError(
                "no AWS region",
                why="neither the environment nor the profile names one",
                fix="--region NAME, such as us-east-1, or AWS_DEFAULT_REGION",
            ) from None
        except botocore.exceptions.BotoCoreError as error:
            raise unreached(error, region, str) from None
        except ValueError as error:  # the region's name is malformed
            raise EsimError("the AWS settings cannot be used", why=str(error)) from None
        self._session = session
        self.region: str = session.region_name or self._clients["logs"].meta.region_name

    def call(self, method: str, what: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation and return its answer.

        Args:
            method: boto3's name of the operation, a key of `OPERATIONS`.
            what: what is asked about, for errors.
            parameters: the operation's parameters.

        Raises:
            GoneError: AWS has no such thing.
            EsimError: credentials are missing or have expired, permission is missing, AWS keeps
                throttling, it cannot be reached, or what answers is not AWS.
        """
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        operation = OPERATIONS[method]
        client = self._clients[operation.service]
        try:
            answer: dict[str, Any] = getattr(client, method)(**parameters)
        except ClientError as error:
            raise refused(error, operation, what, self._clean) from None
        except BotoCoreError as error:
            raise unreached(error, self.region, self._clean) from None
        except (ResponseParserError, *UNREADABLE) as error:
            said = self._clean(f"botocore cannot read it: {type(error).__name__}: {error}")
            raise unusable(operation, said) from error
        shape = client.meta.service_model.operation_model(operation.name).output_shape
        require_shape(answer, shape, operation, parameters)
        return answer

    def items(self, method: str, what: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Call an operation that lists things, and yield each of them once, page after page.

        It takes the arguments of `call` and raises its errors.

        Raises:
            EsimError: the pages have no end.
        """
        operation = OPERATIONS[method]
        pages = Pages(operation, what)
        seen: set[str] = set()
        while True:
            answer = self.call(method, what, **parameters)
            news = {item[operation.key]: item for item in answer[operation.items]}
            token = answer.get(operation.token) or None
            pages.count(not news.keys() <= seen, token)
            yield from (news[name] for name in news if name not in seen)
            seen |= news.keys()
            if token is None:
                return
            parameters[operation.token] = token

    def _clean(self, message: str) -> str:
        """A message with any credentials in it replaced."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            credentials = self._session.get_credentials()
            frozen = () if credentials is None else credentials.get_frozen_credentials()[:3]
        except (BotoCoreError, ClientError):  # getting the credentials is what failed
            return message
        for secret in frozen:
            message = message.replace(secret, "(not shown)") if secret else message
        return message
