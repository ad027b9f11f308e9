"""Past tuning jobs out of an AWS account, into folders that `esim replay` reads. Read-only.

Nothing else of esim talks to AWS. boto3 is the extra `aws`; importing this does not load it.
"""

from __future__ import annotations

from esim.fetch.account import Account
from esim.fetch.permissions import policy
from esim.fetch.tuning import Fetched, fetch_tuning_job, fetch_tuning_jobs

__all__ = ["Account", "Fetched", "fetch_tuning_job", "fetch_tuning_jobs", "policy"]
