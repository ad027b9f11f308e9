"""`esim probe sagemaker`: tuning jobs whose stops tell which rule the service runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from esim.cli.command_line import Plain
from esim.cli.flags import currency_of, typed_place
from esim.cli.groups import with_groups
from esim.cli.usage import usage

if TYPE_CHECKING:
    from esim.probe.sagemaker import Account

app = typer.Typer(
    help="Write tuning jobs whose stops tell which rule a service runs.",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def _root() -> None:
    pass


@dataclass(frozen=True)
class AccountFlags:
    """What the requests say of the account; what is not given is left to be filled in."""

    role: Annotated[
        str | None,
        typer.Option(help="ARN of the role that the training jobs run under.", show_default=False),
    ] = None
    image: Annotated[
        str | None,
        typer.Option(
            help="Address of an image with SageMaker's training toolkit, such as AWS's for "
            "scikit-learn or PyTorch.",
            show_default=False,
        ),
    ] = None
    bucket: Annotated[
        str | None,
        typer.Option(help="The S3 bucket that takes the script.", show_default=False),
    ] = None
    prefix: Annotated[str, typer.Option(help="The tuning jobs' names begin with it.")] = (
        "esim-probe"
    )
    instance_type: Annotated[str, typer.Option(help="What the jobs run on.")] = "ml.m5.large"
    price: Annotated[
        float | None,
        typer.Option(min=0, help="Money per instance-hour, to say the cost.", show_default=False),
    ] = None
    currency: Annotated[
        str | None, typer.Option(help="Of the price. Default: USD.", show_default=False)
    ] = None

    def account(self) -> Account:
        """The account. Raises typer.BadParameter for a name that is too long, or a currency
        without a price."""
        from esim.probe.sagemaker import Account

        given = {name: value for name, value in vars(self).items() if value is not None}
        with usage():
            given["currency"] = currency_of(self.price, self.currency)
            return Account(**given)


@app.command("sagemaker", cls=Plain)
@with_groups
def sagemaker(
    folder: Annotated[
        Path,
        typer.Argument(
            parser=typed_place, metavar="DIR", help="The new folder.", show_default=False
        ),
    ],
    asked: AccountFlags,
) -> None:
    """Write a probe: requests, a script, and a page on how to run them. Nothing is started."""
    from esim.errors import clean
    from esim.probe.design import shipped
    from esim.probe.sagemaker import minutes, write_probe

    account, design = asked.account(), shipped()
    write_probe(folder, design, account)
    total = sum(minutes(design, job) for job in design.jobs)
    money = ""
    if account.price is not None:
        money = f", {total / 60 * account.price:,.2f} {clean(account.currency)}"
    print(f"{len(design.jobs)} tuning jobs, at most {total:,.0f} instance-minutes{money}")
    if account.missing:
        print(f"to be filled in: {', '.join(account.missing)}")
    print(f"nothing was started; read {clean(str(folder / 'README.md'), 300)}")
