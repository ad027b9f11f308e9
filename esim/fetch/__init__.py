"""Downloads past tuning jobs from an AWS account into folders that `esim replay` reads.

Only this package talks to AWS, and it only reads. boto3 is the extra `aws`; importing this package
does not import it.
"""

from __future__ import annotations

from esim.fetch.account import Account
from esim.fetch.permissions import policy
from esim.fetch.tuning import Fetched, fetch_tuning_job, fetch_tuning_jobs

__all__ = ["Account", "Fetched", "fetch_tuning_job", "fetch_tuning_jobs", "policy"]
