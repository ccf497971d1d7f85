"""`liouville cases`."""

import click

from ..cases import built_in_names, find_case


@click.command()
def cases():
    """List the built-in cases, each with a line on what it is."""
    names = built_in_names()
    width = max(len(name) for name in names)
    for name in names:
        click.echo(f"{name:<{width}}  {find_case(name).description}")
